package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/tools/harness"
)

// The client's load: modest and steady, as that of a gateway's devices.
const (
	topic     = "Attacked"
	queues    = 4 // each with a producer and a consumer, on connections of their own
	sendEvery = 8 * time.Millisecond
	bodySize  = 256
	largeSize = 16 << 10 // of each 20th message: it needs a buffer of its own on the way
	heavySize = 64 << 10 // of each 8th, while the client is told to send such
	callTime  = 5 * time.Second
)

// A client sends and consumes beside the attacks, and knows what it was told.
type client struct {
	dial               func(context.Context, string, string) (net.Conn, error)
	tls                *tls.Config // nil: plain text
	account            *account    // nil: it signs nothing
	addr               string
	heavy              atomic.Bool
	stopSend, stopTake context.CancelFunc
	sending, taking    sync.WaitGroup

	mu       sync.Mutex // guards the rest
	next     uint64
	acked    map[uint64]bool // false: sent and not answered with OK
	consumed map[uint64]int
	times    []time.Duration // of sends since they were last taken
	failed   []error         // of sends and pulls, likewise
}

// startClient begins, with a topic that is made by the first message, and returns once a message has come through.
func startClient(ctx context.Context, c *client) error {
	c.acked, c.consumed = map[uint64]bool{}, map[uint64]int{}
	take, stopTake := context.WithCancel(ctx)
	send, stopSend := context.WithCancel(take)
	c.stopSend, c.stopTake = stopSend, stopTake
	for q := range queues {
		c.sending.Go(func() { c.produce(send, q) })
		c.taking.Go(func() { c.consume(take, q) })
	}
	for until := time.Now().Add(startTime); ; {
		if c.outstanding() == 0 && c.had() > queues {
			c.take()
			return nil
		}
		if pause(ctx, 20*time.Millisecond); time.Now().After(until) || ctx.Err() != nil {
			_, failed := c.take()
			return errors.Join(append(failed, fmt.Errorf("the client is not served after %v", startTime))...)
		}
	}
}

// connect returns a client of one connection.
func (c *client) connect() *harness.Client {
	o := remoting.ClientOptions{DialTimeout: callTime, Dial: c.dial}
	if c.tls != nil {
		o.TLS = func(host string) *tls.Config {
			t := c.tls.Clone()
			t.ServerName = host
			return t
		}
	}
	return &harness.Client{Client: remoting.NewClient(o), Limit: callTime}
}

// call asks once, with time for a connection and an answer.
func call(ctx context.Context, c *harness.Client, addr string, code int32, f remoting.Fields, body []byte) (*remoting.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	conn, err := c.Conn(ctx, addr)
	if err != nil {
		return nil, err
	}
	resp, err := conn.Call(ctx, &remoting.Command{Code: code, Fields: f, Body: body})
	if err != nil {
		conn.Close()
	}
	return resp, err
}

// produce sends to one queue.
func (c *client) produce(ctx context.Context, queue int) {
	conn := c.connect()
	defer conn.Close()
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c.send(ctx, conn, queue)
	}
}

func (c *client) send(ctx context.Context, conn *harness.Client, queue int) {
	c.mu.Lock()
	c.next++
	id := c.next
	c.acked[id] = false
	c.mu.Unlock()
	size := bodySize
	switch {
	case id%8 == 0 && c.heavy.Load():
		size = heavySize
	case id%20 == 0:
		size = largeSize
	}
	body := binary.BigEndian.AppendUint64(make([]byte, 0, size), id)[:size]
	begin := time.Now()
	resp, err := call(ctx, conn, c.addr, remoting.ReqSendMessageV2, c.account.sign(sendFields(topic, queues, queue), body), body)
	took := time.Since(begin)
	if err == nil {
		err = harness.Refused(resp)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.acked[id] = true
		c.times = append(c.times, took)
	case ctx.Err() == nil:
		c.failed = append(c.failed, fmt.Errorf("send %d: %w", id, err))
	}
}

// sendFields are the header of a message without properties.
func sendFields(topic string, queues, queue int) remoting.Fields {
	return remoting.Fields{
		{Key: "a", Value: "AttackedProducer"}, {Key: "b", Value: topic}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: strconv.Itoa(queues)},
		{Key: "e", Value: strconv.Itoa(queue)}, {Key: "f", Value: "0"}, {Key: "g", Value: strconv.FormatInt(time.Now().UnixMilli(), 10)},
		{Key: "h", Value: "0"}, {Key: "i", Value: ""}, {Key: "j", Value: "0"}, {Key: "k", Value: "false"}, {Key: "m", Value: "false"},
	}
}

// consume takes what is in one queue, from its beginning on.
func (c *client) consume(ctx context.Context, queue int) {
	conn := c.connect()
	defer conn.Close()
	conn.Limit = 3 * callTime
	var next int64
	for ctx.Err() == nil {
		resp, err := call(ctx, conn, c.addr, remoting.ReqPullMessage, c.account.sign(pullFields(topic, "AttackedConsumer", queue, next, time.Second), nil), nil)
		switch {
		case err != nil || resp.Code == remoting.RespTopicNotExist:
		case resp.Code == remoting.RespSuccess:
			var n int64
			if n, err = resp.Fields.Int64("nextBeginOffset"); err == nil {
				next, err = n, c.keep(resp.Body)
			}
		case resp.Code != remoting.RespPullNotFound && resp.Code != remoting.RespPullRetryImmediately:
			err = harness.Refused(resp)
		}
		if err != nil && ctx.Err() == nil {
			c.mu.Lock()
			c.failed = append(c.failed, fmt.Errorf("pull of queue %d from %d: %w", queue, next, err))
			c.mu.Unlock()
		}
		if err != nil || resp.Code == remoting.RespTopicNotExist {
			pause(ctx, 50*time.Millisecond)
		}
	}
}

// pullFields are the header of a pull that is held.
func pullFields(topic, group string, queue int, offset int64, hold time.Duration) remoting.Fields {
	const waitForMore, withSubscription = 1 << 1, 1 << 2
	return remoting.Fields{
		{Key: "consumerGroup", Value: group}, {Key: "topic", Value: topic}, {Key: "queueId", Value: strconv.Itoa(queue)},
		{Key: "queueOffset", Value: strconv.FormatInt(offset, 10)}, {Key: "maxMsgNums", Value: "32"},
		{Key: "sysFlag", Value: strconv.Itoa(waitForMore | withSubscription)}, {Key: "commitOffset", Value: "0"},
		{Key: "suspendTimeoutMillis", Value: strconv.FormatInt(hold.Milliseconds(), 10)},
		{Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}, {Key: "expressionType", Value: "TAG"},
	}
}

// keep notes the messages of an answer.
func (c *client) keep(body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(body) > 0 {
		v, err := record.Parse(body, record.Limits{})
		if err != nil {
			return err
		}
		if n := len(v.Body()); n != bodySize && n != largeSize && n != heavySize {
			return fmt.Errorf("a message of %d bytes was consumed that the client has not sent", len(v.Body()))
		}
		c.consumed[binary.BigEndian.Uint64(v.Body())]++
		body = body[v.Size():]
	}
	return nil
}

// take returns the times of sends, and what failed, since it was last called.
func (c *client) take() ([]time.Duration, []error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	times, failed := c.times, c.failed
	c.times, c.failed = nil, nil
	return times, failed
}

func (c *client) had() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.consumed)
}

// outstanding is how many messages were answered with OK and not consumed yet.
func (c *client) outstanding() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, ok := range c.acked {
		if ok && c.consumed[id] == 0 {
			n++
		}
	}
	return n
}

// connects says whether somebody who comes anew is let in and answered.
func (c *client) connects(ctx context.Context) error {
	conn := c.connect()
	defer conn.Close()
	_, err := call(ctx, conn, c.addr, remoting.ReqGetMaxOffset, c.account.sign(fields("topic", topic, "queueId", "0"), nil), nil)
	return err
}

// stop ends the client once it has all, and returns what is wrong with what it has.
func (c *client) stop() (wrong []string) {
	c.stopSend()
	c.sending.Wait()
	for until := time.Now().Add(callTime); c.outstanding() > 0 && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	c.stopTake()
	c.taking.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var lost, twice, unsent int
	for id, ok := range c.acked {
		if ok && c.consumed[id] == 0 {
			lost++
		}
	}
	for id, n := range c.consumed {
		if n > 1 {
			twice++
		}
		if _, sent := c.acked[id]; !sent {
			unsent++
		}
	}
	for what, n := range map[string]int{"were acknowledged and cannot be consumed": lost, "were consumed twice": twice, "were consumed that nobody sent": unsent} {
		if n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d messages %s", n, what))
		}
	}
	slices.Sort(wrong)
	return wrong
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
