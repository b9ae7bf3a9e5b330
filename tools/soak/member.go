package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/tools/harness"
)

// The topics: one for messages that some send and some pull, one where all wait.
const (
	topic      = "Soak"
	waitTopic  = "SoakWait"
	queues     = 16
	groupSize  = 20 // connections that share a consumer group
	dialTime   = 10 * time.Second
	beatTime   = 3 * time.Second // what RocketMQ's clients give a heartbeat
	answerTime = time.Minute     // for what large messages are in the way of
	holdTime   = 10 * time.Second
)

// A member is one client: one connection, dialled again when it is lost.
type member struct {
	run    *run
	number int
	conn   *conn
	until  context.Context // the connection ends with it; nil: it does not
}

// call makes one request on the member's connection.
func (m *member) call(r request, limit time.Duration) (*remoting.Command, error) {
	if m.conn == nil {
		c, err := dial(m.run.addr, dialTime)
		if err != nil {
			return nil, err
		}
		m.conn = c
	}
	if m.until != nil {
		c := m.conn
		defer context.AfterFunc(m.until, c.close)()
	}
	resp, err := m.conn.call(r, limit)
	if err != nil {
		m.conn.close()
		m.conn = nil
	}
	return resp, err
}

func (m *member) group() string { return fmt.Sprintf("Soak%d", m.number/groupSize) }

// beat sends a heartbeat and takes note of how long its answer took.
func (m *member) beat(limit time.Duration) error {
	body := fmt.Sprintf(`{"clientID":"soak@%d","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":%q,`+
		`"messageModel":"CLUSTERING","subscriptionDataSet":[{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1,"tagsSet":[],"topic":%q}],`+
		`"unitMode":false}],"producerDataSet":[{"groupName":"SoakProducer"}]}`, m.number, m.group(), topic)
	begin := time.Now()
	resp, err := m.call(request{code: remoting.ReqHeartBeat, body: [][]byte{[]byte(body)}}, limit)
	if err == nil {
		err = harness.Refused(resp)
	}
	if err == nil {
		m.run.counts.beat(time.Since(begin))
	}
	return err
}

// send sends a message once. Only an OK counts as an acknowledgement.
func (m *member) send(topic string, queues, queue int) error {
	id, body := m.run.ledger.begin()
	resp, err := m.call(request{code: remoting.ReqSendMessageV2, fields: remoting.Fields{
		{Key: "a", Value: "SoakProducer"}, {Key: "b", Value: topic}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: strconv.Itoa(queues)},
		{Key: "e", Value: strconv.Itoa(queue)}, {Key: "f", Value: "0"}, {Key: "g", Value: strconv.FormatInt(time.Now().UnixMilli(), 10)},
		{Key: "h", Value: "0"}, {Key: "i", Value: fmt.Sprintf("UNIQ_KEY\x01%032X\x02WAIT\x01true\x02", id)}, {Key: "j", Value: "0"}, {Key: "k", Value: "false"}, {Key: "m", Value: "false"},
	}, body: body}, answerTime)
	if err == nil {
		err = harness.Refused(resp)
	}
	if err == nil {
		m.run.ledger.acknowledged(id)
	}
	m.run.counts.send(err)
	return err
}

// sendUntilTaken sends a message again and again, as clients do.
func (m *member) sendUntilTaken(ctx context.Context, topic string, queues, queue int) error {
	for {
		err := m.send(topic, queues, queue)
		if err == nil || ctx.Err() != nil {
			return err
		}
		pause(ctx, time.Duration(100+rand.IntN(900))*time.Millisecond)
	}
}

// pull asks once for the messages of a queue from an offset on, and returns where to
// go on. What it is given it takes note of.
func (m *member) pull(topic string, queue int, offset int64, hold time.Duration) (next int64, err error) {
	const waitForMore, withSubscription = 1 << 1, 1 << 2
	resp, err := m.call(request{code: remoting.ReqPullMessage, fields: remoting.Fields{
		{Key: "consumerGroup", Value: m.group()}, {Key: "topic", Value: topic}, {Key: "queueId", Value: strconv.Itoa(queue)},
		{Key: "queueOffset", Value: strconv.FormatInt(offset, 10)}, {Key: "maxMsgNums", Value: "32"},
		{Key: "sysFlag", Value: strconv.Itoa(waitForMore | withSubscription)}, {Key: "commitOffset", Value: "0"},
		{Key: "suspendTimeoutMillis", Value: strconv.FormatInt(hold.Milliseconds(), 10)},
		{Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}, {Key: "expressionType", Value: "TAG"},
	}}, hold+answerTime)
	if err != nil {
		m.run.counts.pull(err)
		return offset, err
	}
	switch resp.Code {
	case remoting.RespSuccess:
		next, err = resp.Fields.Int64("nextBeginOffset")
		return next, errors.Join(err, m.take(resp.Body))
	case remoting.RespPullNotFound, remoting.RespPullRetryImmediately:
		return offset, nil
	}
	err = harness.Refused(resp)
	m.run.counts.pull(err)
	return offset, err
}

// take takes note of the messages of an answer. What nobody sent is a broken promise.
func (m *member) take(body []byte) error {
	for len(body) > 0 {
		v, err := record.Parse(body, record.Limits{})
		if err == nil {
			err = m.run.ledger.take(v.Body())
		}
		if err != nil {
			m.run.broken("what was consumed is not what was sent", err)
			return err
		}
		m.run.counts.pull(nil)
		body = body[v.Size():]
	}
	return nil
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
