package discovery

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// identity is the fields that all requests of a broker to a name server begin
// with.
func (o *RegistrarOptions) identity() remoting.Fields {
	return remoting.Fields{
		{Key: "brokerName", Value: o.BrokerName},
		{Key: "brokerAddr", Value: o.BrokerAddr},
		{Key: "clusterName", Value: o.Cluster},
		{Key: "brokerId", Value: strconv.FormatInt(o.BrokerID, 10)},
	}
}

// manyTopics is from how many on a table is sent compressed: 100 KiB of JSON
// become 4 then, on a link that may be a modem. RocketMQ leaves it to
// compressedRegister, and its topicSysFlag does not survive that: nothing here sets one.
const manyTopics = 500

// registerRequest is request 103 with body.
func (o *RegistrarOptions) registerRequest(body RegisterBody) (*remoting.Command, error) {
	compressed := len(body.Topics) >= manyTopics && !slices.ContainsFunc(body.Topics, func(t table.Topic) bool { return t.SysFlag != 0 })
	encode := body.Encode
	if compressed {
		encode = body.EncodeCompressed
	}
	enc, err := encode()
	if err != nil {
		return nil, fmt.Errorf("encode the registration: %w", err)
	}
	f := o.identity()
	f.Add("haServerAddr", o.HAServerAddr)
	f.Add("compressed", strconv.FormatBool(compressed))
	f.AddInt("bodyCrc32", int64(BodyCRC32(enc)))
	return &remoting.Command{Code: remoting.ReqRegisterBroker, Fields: f, Body: enc}, nil
}

// call sends req on conn and returns its answer if that is a success.
func call(ctx context.Context, conn *remoting.Conn, req *remoting.Command) (*remoting.Command, error) {
	resp, err := conn.Call(ctx, req)
	if err != nil {
		return nil, err
	}
	return resp, refusal(resp)
}

// sendTable registers the whole table on conn.
func (o *RegistrarOptions) sendTable(ctx context.Context, conn *remoting.Conn, body RegisterBody) (masterInfo, error) {
	req, err := o.registerRequest(body)
	if err != nil {
		return masterInfo{}, err
	}
	resp, err := call(ctx, conn, req)
	if err != nil {
		return masterInfo{}, err
	}
	return parseMaster(resp.Fields, o.BrokerAddr)
}

// unchanged asks, with request 322, whether the name server has the version,
// which keeps this broker alive there. A name server that does not know the
// request has not.
func (o *RegistrarOptions) unchanged(ctx context.Context, conn *remoting.Conn, v table.DataVersion) (bool, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return false, fmt.Errorf("encode the data version: %w", err)
	}
	resp, err := conn.Call(ctx, &remoting.Command{Code: remoting.ReqQueryDataVersion, Fields: o.identity(), Body: body})
	if err != nil {
		return false, err
	}
	return resp.Code == remoting.RespSuccess && resp.Fields.Get("changed") == "false", nil
}

// unregister sends request 104.
func (o *RegistrarOptions) unregister(ctx context.Context, conn *remoting.Conn) error {
	_, err := call(ctx, conn, &remoting.Command{Code: remoting.ReqUnregisterBroker, Fields: o.identity()})
	return err
}
