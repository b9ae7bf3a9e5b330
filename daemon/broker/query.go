package broker

import (
	"context"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// maxUniqQuery is how many messages a query by unique key is answered with, whatever it
// asks for: RocketMQ's defaultQueryMaxNum.
const maxUniqQuery = 32

// queryMessage serves QUERY_MESSAGE, 12: the newest messages of a topic that have a
// key, or a unique key where _UNIQUE_KEY_QUERY says so, and since 5.4.0 indexType. As
// with RocketMQ neither the topic has to exist nor the group. Unlike there, the key is
// compared, not its hash alone, so that no message of another key takes the room.
func (b *Broker) queryMessage(req *remoting.Request) error {
	q, err := keyQueryOf(req.Fields)
	if err != nil {
		return err
	}
	return b.queries.later(b, req, func(context.Context) error {
		stamp, end := b.store.QueriedTo()
		records, err := b.store.Query(q, req)
		if err != nil {
			return err
		}
		resp := remoting.Response{Body: records, Release: func() {}}
		if len(records) == 0 {
			resp = remoting.Response{Code: remoting.RespQueryNotFound, Remark: "no message of that time has that key"}
		}
		resp.Fields.AddInt("indexLastUpdateTimestamp", stamp)
		resp.Fields.AddInt("indexLastUpdatePhyoffset", end)
		req.Reply(&resp)
		return nil
	})
}

// keyQueryOf reads the fields of a request 12. Of those of 5.4.0, lastKey pages through
// an index that RocketMQ does not have by default either, and is not looked at.
func keyQueryOf(f remoting.Fields) (q store.KeyQuery, err error) {
	most, err := f.Int32("maxNum")
	if err != nil {
		return q, err
	}
	if q.Begin, err = f.Int64("beginTimestamp"); err != nil {
		return q, err
	}
	if q.End, err = f.Int64("endTimestamp"); err != nil {
		return q, err
	}
	if q.Uniq, err = f.BoolOr("_UNIQUE_KEY_QUERY", false); err != nil {
		return q, err
	}
	q.Topic, q.Key, q.Max = f.Get("topic"), f.Get("key"), int(most)
	if q.Uniq {
		q.Max = maxUniqQuery
	}
	switch kind := f.Get("indexType"); {
	case q.Topic == "" || q.Key == "":
		return q, refuse(remoting.RespSystemError, "topic and key are required")
	case kind == "U":
		q.Uniq = true
	case kind != "" && kind != "K":
		return q, refuse(remoting.RespInvalidParameter, "messages are indexed by key (K) and unique key (U), not by %.20q", kind)
	}
	return q, nil
}
