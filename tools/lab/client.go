package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/tools/harness"
	"pairmq/tools/lab/promise"
)

// topic is where all messages go.
const (
	topic  = "Lab"
	queues = 4
)

// How long a client waits for a connection, and for an answer: an emulated
// machine that shares its processor with another is slow.
const (
	dialTime = 2 * time.Second
	callTime = 15 * time.Second
	patience = 2 * time.Minute // for what a trial cannot go on without: hosts stand still for a while, too
)

// A client has one connection to a broker. One that failed is not used again.
type client struct {
	addr string
	*harness.Client
}

func newClient(addr string) *client { return &client{addr, harness.NewClient(dialTime, callTime)} }

// newPatientClient is one for what has to be answered.
func newPatientClient(addr string) *client {
	return &client{addr, harness.NewClient(dialTime, patience)}
}

// call asks the broker. sent says whether the request may have reached it.
func (c *client) call(ctx context.Context, code int32, f remoting.Fields, body []byte) (resp *remoting.Command, sent bool, err error) {
	return c.Try(ctx, c.addr, code, f, body)
}

// ask is call for what only succeeds with code 0.
func (c *client) ask(ctx context.Context, code int32, f remoting.Fields) (*remoting.Command, error) {
	return c.Ask(ctx, c.addr, code, f)
}

// makeTopic makes a topic, with queues for all producers.
func (c *client) makeTopic(ctx context.Context, name string) error {
	n := strconv.Itoa(queues)
	_, err := c.ask(ctx, remoting.ReqUpdateAndCreateTopic, remoting.Fields{
		{Key: "topic", Value: name}, {Key: "defaultTopic", Value: "TBW102"}, {Key: "readQueueNums", Value: n}, {Key: "writeQueueNums", Value: n},
		{Key: "perm", Value: "6"}, {Key: "topicFilterType", Value: "SINGLE_TAG"}, {Key: "topicSysFlag", Value: "0"}, {Key: "order", Value: "false"},
	})
	return err
}

// topics lists the names of all topics.
func (c *client) topics(ctx context.Context) (names []string, err error) {
	resp, err := c.ask(ctx, remoting.ReqGetAllTopicConfig, nil)
	if err != nil {
		return nil, err
	}
	var body struct {
		Table map[string]json.RawMessage `json:"topicConfigTable"`
	}
	if err := json.Unmarshal(resp.Body, &body); err != nil {
		return nil, fmt.Errorf("the list of topics: %w", err)
	}
	for name := range body.Table {
		names = append(names, name)
	}
	return names, nil
}

// offset is what a group has committed, -1 if nothing.
func (c *client) offset(ctx context.Context, group string, queue int32) (int64, error) {
	resp, _, err := c.call(ctx, remoting.ReqQueryConsumerOffset, append(queueFields(queue),
		remoting.Field{Key: "consumerGroup", Value: group}, remoting.Field{Key: "setZeroIfNotFound", Value: "false"}), nil)
	switch {
	case err != nil:
		return 0, err
	case resp.Code == remoting.RespQueryNotFound:
		return -1, nil
	case resp.Code != remoting.RespSuccess:
		return 0, harness.Refused(resp)
	}
	return resp.Fields.Int64("offset")
}

// pull asks for messages of a queue, and returns them and the offset to go on
// at. At the queue's end it waits for some, if it is to.
func (c *client) pull(ctx context.Context, group string, queue int32, from int64, wait time.Duration) (got []promise.Record, next int64, err error) {
	const waitAndFilter = 1<<1 | 1<<2 // wait for messages; the subscription is in the request
	resp, _, err := c.call(ctx, remoting.ReqPullMessage, append(queueFields(queue), remoting.Fields{
		{Key: "consumerGroup", Value: group}, {Key: "queueOffset", Value: strconv.FormatInt(from, 10)},
		{Key: "maxMsgNums", Value: "32"}, {Key: "sysFlag", Value: strconv.Itoa(waitAndFilter)}, {Key: "commitOffset", Value: "0"},
		{Key: "suspendTimeoutMillis", Value: strconv.FormatInt(wait.Milliseconds(), 10)},
		{Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}, {Key: "expressionType", Value: "TAG"},
	}...), nil)
	if err != nil {
		return nil, from, err
	}
	if next, err = resp.Fields.Int64Or("nextBeginOffset", from); err != nil {
		return nil, from, err
	}
	switch resp.Code {
	case remoting.RespSuccess:
		got, err = parseRecords(resp.Body)
		return got, next, err
	case remoting.RespPullNotFound, remoting.RespPullRetryImmediately:
		return nil, next, nil
	}
	return nil, from, harness.Refused(resp)
}

// parseRecords reads the messages of an answer.
func parseRecords(body []byte) (all []promise.Record, err error) {
	for len(body) > 0 {
		v, err := record.Parse(body, record.Limits{})
		if err != nil {
			return all, fmt.Errorf("what the broker gave is no message: %w", err)
		}
		sum := fnv.New64a()
		sum.Write(v.Bytes())
		r := promise.Record{ID: promise.ID(v.Body()), Queue: v.QueueID(), QueueOffset: v.QueueOffset(), PhyOffset: v.PhyOffset(), Sum: sum.Sum64()}
		if v.CheckCRC() != nil {
			r.ID = -1
		}
		all = append(all, r)
		body = body[v.Size():]
	}
	return all, nil
}

func queueFields(queue int32) remoting.Fields {
	return remoting.Fields{{Key: "topic", Value: topic}, {Key: "queueId", Value: strconv.Itoa(int(queue))}}
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
