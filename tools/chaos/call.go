package main

import (
	"context"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/harness"
)

// topic is where all messages go; each producer has a queue of its own in it.
const topic = "Chaos"

// How long an actor waits for a connection, and for an answer.
const (
	dialTime = 500 * time.Millisecond
	callTime = 2 * time.Second
)

// addrOf is where broker i serves clients.
func addrOf(i int) string { return netip.AddrPortFrom(brokerIP[i], 10911).String() }

// nameOf is what broker i is called in histories and reports.
func nameOf(i int) string { return string('a' + rune(i)) }

// A caller has connections to both brokers. One that failed is not used again.
type caller struct{ *harness.Client }

func newCaller() *caller { return &caller{harness.NewClient(dialTime, callTime)} }

// call asks broker i. sent says whether the request may have reached it.
func (c *caller) call(ctx context.Context, i int, code int32, f remoting.Fields, body []byte) (resp *remoting.Command, sent bool, err error) {
	return c.Try(ctx, addrOf(i), code, f, body)
}

// ask is call for what only succeeds with code 0.
func (c *caller) ask(ctx context.Context, i int, code int32, f remoting.Fields) (*remoting.Command, error) {
	return c.Ask(ctx, addrOf(i), code, f)
}

// A status is what a broker says of itself.
type status struct {
	up        bool
	master    bool
	epoch     int64
	end       int64 // of its log, as far as it is confirmed
	connected bool  // a slave, to its master
	slaves    int64
	text      string
}

// status asks broker i what it is.
func (c *caller) status(ctx context.Context, i int) status {
	resp, err := c.ask(ctx, i, remoting.ReqGetBrokerRuntimeInfo, nil)
	if err != nil {
		return status{text: err.Error()}
	}
	var body struct {
		Table map[string]string `json:"table"`
	}
	if err := json.Unmarshal(resp.Body, &body); err != nil {
		return status{text: err.Error()}
	}
	t := body.Table
	number, _, _ := strings.Cut(t["epoch"], ".")
	s := status{up: true, master: t["brokerRole"] != "SLAVE", connected: t["haConnected"] == "true", text: t["brokerRole"] + " epoch " + t["epoch"] + ": " + t["replication"]}
	s.epoch, _ = strconv.ParseInt(number, 10, 64)
	s.end, _ = strconv.ParseInt(t["confirmedPhyOffset"], 10, 64)
	s.slaves, _ = strconv.ParseInt(t["haSlaves"], 10, 64)
	return s
}

// both asks both brokers.
func (c *caller) both(ctx context.Context) [2]status {
	var all [2]status
	other := make(chan status, 1)
	go func() { other <- c.status(ctx, 1) }()
	all[0] = c.status(ctx, 0)
	all[1] = <-other
	return all
}

// queueEnd asks broker i for the offset behind the last message of a queue.
func (c *caller) queueEnd(ctx context.Context, i int, queue int32) (int64, error) {
	resp, err := c.ask(ctx, i, remoting.ReqGetMaxOffset, queueFields(queue))
	if err != nil {
		return 0, err
	}
	return resp.Fields.Int64("offset")
}

func queueFields(queue int32) remoting.Fields {
	return remoting.Fields{{Key: "topic", Value: topic}, {Key: "queueId", Value: strconv.Itoa(int(queue))}}
}
