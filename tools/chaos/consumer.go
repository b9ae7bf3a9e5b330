package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/tools/chaos/check"
	"pairmq/tools/harness"
)

// How a consumer pulls.
const (
	consumers    = 2 // of all queues, each in a group of its own
	pullMax      = 32
	pullHold     = 300 * time.Millisecond // at the end of a queue
	pullFlags    = 1<<1 | 1<<2            // wait for messages; the subscription is in the request
	commitEvery  = 64                     // messages
	drainTime    = 20 * time.Second
	quietBetween = 20 * time.Millisecond
)

// A consumer takes the messages of one queue from either broker, commits
// offsets, and now and then forgets where it was and asks.
type consumer struct {
	run    *run
	number int
	queue  int32
	caller *caller
	broker int
	rng    *rand.Rand
	next   int64
	taken  int // since the last commit
}

func (c *consumer) group() string { return fmt.Sprintf("ChaosConsumer%d", c.number) }

// work consumes until ctx ends.
func (c *consumer) work(ctx context.Context) {
	for ctx.Err() == nil {
		switch c.rng.IntN(150) {
		case 0, 1:
			c.broker = 1 - c.broker
		case 2:
			c.resume(ctx)
		}
		if _, err := c.pull(ctx, true); err != nil && ctx.Err() == nil {
			c.broker = 1 - c.broker
			pause(ctx, time.Duration(20+c.rng.IntN(80))*time.Millisecond)
		}
		if c.taken >= commitEvery {
			c.commit(ctx)
		}
	}
}

// drain consumes from one broker up to the end of the queue.
func (c *consumer) drain(ctx context.Context, broker int) error {
	defer c.caller.Close()
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	c.broker = broker
	for {
		end, err := c.caller.queueEnd(ctx, broker, c.queue)
		if err == nil && c.next >= end {
			return nil
		}
		if err == nil {
			_, err = c.pull(ctx, false)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("consumer %d is at %d of %d in queue %d of broker %s after %v: %w", c.number, c.next, end, c.queue, nameOf(broker), drainTime, err)
		}
		if err != nil {
			pause(ctx, quietBetween)
		}
	}
}

// pull asks for messages once and returns how many came.
func (c *consumer) pull(ctx context.Context, hold bool) (int, error) {
	wait := pullHold
	if !hold {
		wait = 0
	}
	resp, _, err := c.caller.call(ctx, c.broker, remoting.ReqPullMessage, append(queueFields(c.queue), remoting.Fields{
		{Key: "consumerGroup", Value: c.group()}, {Key: "queueOffset", Value: strconv.FormatInt(c.next, 10)},
		{Key: "maxMsgNums", Value: strconv.Itoa(pullMax)}, {Key: "sysFlag", Value: strconv.Itoa(pullFlags)}, {Key: "commitOffset", Value: "0"},
		{Key: "suspendTimeoutMillis", Value: strconv.FormatInt(wait.Milliseconds(), 10)},
		{Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}, {Key: "expressionType", Value: "TAG"},
	}...), nil)
	if err != nil {
		return 0, err
	}
	next, err := resp.Fields.Int64Or("nextBeginOffset", c.next)
	if err != nil {
		return 0, err
	}
	switch resp.Code {
	case remoting.RespSuccess:
		return c.take(resp.Body, next)
	case remoting.RespPullOffsetMoved:
		c.run.note("consumer %d, queue %d: broker %s says to go on at %d, not %d", c.number, c.queue, nameOf(c.broker), next, c.next)
		c.next = next
		return 0, nil
	case remoting.RespPullNotFound, remoting.RespPullRetryImmediately:
		c.next = next
		return 0, nil
	}
	return 0, harness.Refused(resp)
}

// take records the messages of an answer.
func (c *consumer) take(body []byte, next int64) (n int, err error) {
	for len(body) > 0 {
		v, err := record.Parse(body, record.Limits{})
		if err != nil {
			c.run.trouble("broker %s gave consumer %d what is no message: %v", nameOf(c.broker), c.number, err)
			return n, err
		}
		if v.QueueID() != c.queue || string(v.Topic()) != topic {
			c.run.trouble("broker %s gave consumer %d of queue %d a message of %s, queue %d", nameOf(c.broker), c.number, c.queue, v.Topic(), v.QueueID())
		}
		c.run.record.Delivery(check.Delivery{Consumer: c.number, Queue: c.queue, Broker: nameOf(c.broker), QueueOffset: v.QueueOffset(), ID: check.ID(v.Body()), At: c.run.now()})
		body = body[v.Size():]
		n++
	}
	c.next = next
	c.taken += n
	return n, nil
}

// commit tells the broker how far this consumer is.
func (c *consumer) commit(ctx context.Context) {
	m := check.Commit{Consumer: c.number, Queue: c.queue, Broker: nameOf(c.broker), Offset: c.next, Began: c.run.now()}
	_, err := c.caller.ask(ctx, c.broker, remoting.ReqUpdateConsumerOffset, append(queueFields(c.queue), remoting.Fields{
		{Key: "consumerGroup", Value: c.group()}, {Key: "commitOffset", Value: strconv.FormatInt(c.next, 10)}}...))
	c.taken = 0
	if err == nil {
		m.At = c.run.now()
		c.run.record.Commit(m)
	}
}

// resume has the consumer go on where a broker says that it was.
func (c *consumer) resume(ctx context.Context) {
	m := check.Commit{Consumer: c.number, Queue: c.queue, Broker: nameOf(c.broker), Read: true, Began: c.run.now()}
	resp, err := c.caller.ask(ctx, c.broker, remoting.ReqQueryConsumerOffset, append(queueFields(c.queue), remoting.Field{Key: "consumerGroup", Value: c.group()}))
	if err != nil {
		return
	}
	if m.Offset, err = resp.Fields.Int64("offset"); err != nil {
		c.run.trouble("the answer to a question for an offset makes no sense: %v", err)
		return
	}
	m.At = c.run.now()
	c.run.record.Commit(m)
	c.next = m.Offset
}
