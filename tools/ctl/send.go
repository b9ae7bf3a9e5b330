package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// sent is one message that was stored.
type sent struct {
	MsgID       string `json:"msgId"`       // the unique key
	OffsetMsgID string `json:"offsetMsgId"` // the broker's own
	BrokerName  string `json:"brokerName,omitempty"`
	QueueID     int32  `json:"queueId"`
	QueueOffset int64  `json:"queueOffset"`
	Status      string `json:"status"` // SEND_OK, FLUSH_DISK_TIMEOUT, FLUSH_SLAVE_TIMEOUT or SLAVE_NOT_AVAILABLE
}

// total counts messages.
type total struct {
	sent   int64
	unsure int64 // of them, those that were stored without the promise that the broker's configuration makes
}

func (e *env) printSent(r sent) error {
	if e.json {
		return e.printJSON(r)
	}
	_, err := fmt.Fprintf(e.out, "%s  %s  %s  offset %d\n", r.Status, r.MsgID, queue{broker: r.BrokerName, id: r.QueueID}, r.QueueOffset)
	return err
}

// produce sends what next gives until io.EOF, and calls each for every message
// that was stored, one at a time. It stops at the first error.
func (s *session) produce(ctx context.Context, a produceArgs, next func() ([]byte, error), each func(sent) error) (total, error) {
	all, created, err := s.publishQueues(ctx, a.topic, a.create)
	if err != nil {
		return total{}, err
	}
	some, err := choose(all, a.queue)
	if err != nil {
		return total{}, err
	}
	if created {
		fmt.Fprintf(s.err, "topic %s is new: the broker makes it as its template %s says\n", a.topic, templateTopic)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &producing{session: s, args: a, queues: some, keys: newKeyMaker(time.Now()), next: next, each: each}
	var wg sync.WaitGroup
	for range a.inFlight {
		wg.Go(func() {
			if err := p.work(ctx); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return p.total, context.Cause(ctx)
}

// producing is the state of one produce, shared by those who send at a time.
type producing struct {
	*session
	args   produceArgs
	queues []queue
	keys   *keyMaker

	mu     sync.Mutex // guards the rest
	next   func() ([]byte, error)
	each   func(sent) error
	number int64 // of messages taken from next
	total  total
	ended  bool
}

// work sends one message after the other.
func (p *producing) work(ctx context.Context) error {
	for {
		body, number, err := p.take(ctx)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		r, err := p.send(ctx, body, number)
		if err != nil {
			return fmt.Errorf("message %d: %w", number, err)
		}
		if err := p.note(r); err != nil {
			return err
		}
	}
}

func (p *producing) take(ctx context.Context) (body []byte, number int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if p.ended {
		return nil, 0, io.EOF
	}
	body, err = p.next()
	if err != nil {
		p.ended = true
		return nil, 0, err
	}
	p.number++
	return body, p.number, nil
}

func (p *producing) note(r sent) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total.sent++
	if r.Status != sendOK {
		p.total.unsure++
	}
	return p.each(r)
}

const sendOK = "SEND_OK"

// send sends one message. Where a client of RocketMQ would try another queue,
// so does it; it may then be stored twice, with the same unique key.
func (p *producing) send(ctx context.Context, body []byte, number int64) (sent, error) {
	key := p.keys.next()
	var err error
	for try := range int64(1 + p.args.retries) {
		var r sent
		if r, err = p.sendTo(ctx, p.queues[(number-1+try)%int64(len(p.queues))], key, body); err == nil {
			return r, nil
		}
		if ctx.Err() != nil || !triesAgain(err) {
			break
		}
	}
	return sent{}, err
}

// triesAgain tells whether a client tries another queue after err.
func triesAgain(err error) bool {
	var r *refusal
	if !errors.As(err, &r) {
		return true // nobody answered
	}
	switch r.code {
	case remoting.RespSystemError, remoting.RespSystemBusy, remoting.RespServiceNotAvailable, remoting.RespNoPermission, remoting.RespTopicNotExist:
		return true
	}
	return false
}

func (p *producing) sendTo(ctx context.Context, q queue, key string, body []byte) (sent, error) {
	template := templateTopic
	if !p.args.create {
		template = ""
	}
	return p.store(ctx, q, key, &remoting.Command{
		Code: remoting.ReqSendMessageV2, Body: body,
		Fields: remoting.Fields{
			{Key: "a", Value: p.args.group}, {Key: "b", Value: p.args.topic}, {Key: "c", Value: template}, {Key: "d", Value: strconv.Itoa(newTopicQueues)},
			{Key: "e", Value: strconv.Itoa(int(q.id))}, {Key: "f", Value: "0"},
			{Key: "g", Value: strconv.FormatInt(time.Now().UnixMilli(), 10)}, {Key: "h", Value: strconv.Itoa(int(p.args.flag))},
			{Key: "i", Value: p.args.messageProperties(key)}, {Key: "j", Value: "0"}, {Key: "k", Value: "false"}, {Key: "m", Value: "false"},
		},
	})
}

// store sends req, a send whose message has that unique key, to q.
func (s *session) store(ctx context.Context, q queue, key string, req *remoting.Command) (sent, error) {
	resp, err := s.call(ctx, q.addr, req, remoting.RespFlushDiskTimeout, remoting.RespFlushSlaveTimeout, remoting.RespSlaveNotAvailable)
	if err != nil {
		return sent{}, err
	}
	r := sent{MsgID: key, OffsetMsgID: resp.Fields.Get("msgId"), BrokerName: q.broker, Status: sendOK}
	if resp.Code != remoting.RespSuccess {
		r.Status = remoting.ResponseName(resp.Code)
	}
	if r.QueueID, err = resp.Fields.Int32("queueId"); err != nil {
		return sent{}, fmt.Errorf("%s: %w", q.addr, err)
	}
	if r.QueueOffset, err = resp.Fields.Int64("queueOffset"); err != nil {
		return sent{}, fmt.Errorf("%s: %w", q.addr, err)
	}
	return r, nil
}
