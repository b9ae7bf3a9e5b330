package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// What a pull asks for.
const (
	pullMax      = 32     // messages
	pullSuspend  = 1 << 1 // of sysFlag: wait for messages
	pullWithTags = 1 << 2 // of sysFlag: the subscription is in the request
	holdTime     = 15 * time.Second
	quietGroup   = "TOOLS_CONSUMER" // RocketMQ's own tools pull under this name
)

// A batch is what one pull brought, and where to go on.
type batch struct {
	queue    queue
	messages []message
	next     int64
}

// consume reads the queues at the same time and calls each for one message at
// a time. It ends when all queues are at their end, the count is reached, each
// fails, or ctx ends, which is no error with follow.
func (s *session) consume(ctx context.Context, a consumeArgs, each func(message) error) error {
	all, err := s.readQueues(ctx, a.topic)
	if err != nil {
		return err
	}
	qs, err := choose(all, a.queue)
	if err != nil {
		return err
	}
	if err := s.alone(ctx, a, qs); err != nil {
		return err
	}
	begins := make([]int64, len(qs))
	for i, q := range qs {
		if begins[i], err = s.begin(ctx, a, q); err != nil {
			return err
		}
	}
	pulls, cancel := context.WithCancelCause(ctx)
	batches := make(chan batch)
	var wg sync.WaitGroup
	for i, q := range qs {
		wg.Go(func() {
			if err := s.pullAll(pulls, a, q, begins[i], batches); err != nil {
				cancel(err)
			}
		})
	}
	go func() { wg.Wait(); close(batches) }()

	enough, err := s.deliver(ctx, a, batches, each)
	failure := context.Cause(pulls)
	cancel(nil)
	for range batches { // what is still handed over goes nowhere; the pulls end
	}
	switch {
	case err != nil:
		return err
	case enough, a.follow && errors.Is(failure, context.Canceled):
		return nil
	}
	return failure
}

// deliver calls each for all messages and commits what was delivered. It
// returns early when there were enough, or with an error.
func (s *session) deliver(ctx context.Context, a consumeArgs, batches <-chan batch, each func(message) error) (enough bool, err error) {
	c := newCommitter(s, a)
	defer func() { err = errors.Join(err, c.finish()) }()
	var n int64
	for b := range batches {
		for _, m := range b.messages {
			if err := each(m); err != nil {
				return false, err
			}
			c.delivered(b.queue, m.QueueOffset+1)
			if n++; n == a.count {
				return true, nil
			}
		}
		c.delivered(b.queue, b.next)
		if err := c.tick(ctx); err != nil && ctx.Err() == nil {
			return false, err
		}
	}
	return false, nil
}

// pullAll pulls one queue from an offset on and hands over what it gets, until
// the queue's end or, with follow, until ctx ends.
func (s *session) pullAll(ctx context.Context, a consumeArgs, q queue, offset int64, to chan<- batch) error {
	for {
		b, end, err := s.pull(ctx, a, q, offset)
		if err != nil {
			return err
		}
		select {
		case to <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		if end && !a.follow {
			return nil
		}
		if len(b.messages) == 0 && b.next == offset && !end {
			return fmt.Errorf("%s, queue %s: the broker has nothing at offset %d and names no other", q.addr, q, offset)
		}
		offset = b.next
	}
}

// pull asks for messages at offset; end tells that there are none yet.
func (s *session) pull(ctx context.Context, a consumeArgs, q queue, offset int64) (b batch, end bool, err error) {
	b.queue = q
	body, next, end, err := s.pullRecords(ctx, a, q, offset)
	if err != nil {
		return batch{}, false, err
	}
	b.next = next
	b.messages, err = decodeMessages(body, q, a.tags)
	return b, end, err
}

// pullRecords is pull, with the records as the broker sends them, back to back.
func (s *session) pullRecords(ctx context.Context, a consumeArgs, q queue, offset int64) (body []byte, next int64, end bool, err error) {
	group, flag, hold := a.group, pullWithTags, time.Duration(0)
	if group == "" {
		group = quietGroup
	}
	if a.follow {
		flag, hold = flag|pullSuspend, holdTime
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout+2*hold) // RocketMQ holds up to 5 s longer than asked
	defer cancel()
	req := &remoting.Command{Code: remoting.ReqPullMessage, Language: remoting.Go, Fields: remoting.Fields{
		{Key: "consumerGroup", Value: group}, {Key: "topic", Value: a.topic}, {Key: "queueId", Value: strconv.Itoa(int(q.id))},
		{Key: "queueOffset", Value: strconv.FormatInt(offset, 10)}, {Key: "maxMsgNums", Value: strconv.Itoa(pullMax)},
		{Key: "sysFlag", Value: strconv.Itoa(flag)}, {Key: "commitOffset", Value: "0"},
		{Key: "suspendTimeoutMillis", Value: strconv.FormatInt(hold.Milliseconds(), 10)},
		{Key: "subscription", Value: a.tags.text}, {Key: "subVersion", Value: "0"}, {Key: "expressionType", Value: "TAG"},
	}}
	resp, err := s.client.Call(ctx, q.addr, req)
	if err != nil {
		return nil, 0, false, fmt.Errorf("%s, queue %s: %w", q.addr, q, err)
	}
	switch resp.Code {
	case remoting.RespSuccess, remoting.RespPullNotFound, remoting.RespPullRetryImmediately, remoting.RespPullOffsetMoved:
	default:
		return nil, 0, false, &refusal{addr: q.addr, request: req.Code, code: resp.Code, remark: resp.Remark}
	}
	if next, err = resp.Fields.Int64("nextBeginOffset"); err != nil {
		return nil, 0, false, fmt.Errorf("%s, queue %s: %w", q.addr, q, err)
	}
	return resp.Body, next, resp.Code == remoting.RespPullNotFound, nil
}

// decodeMessages reads the records of a pull that the filter takes.
func decodeMessages(body []byte, q queue, f tagFilter) ([]message, error) {
	var all []message
	for len(body) > 0 {
		v, err := record.Parse(body, record.Limits{Record: len(body)})
		if err != nil {
			return nil, fmt.Errorf("%s, queue %s: %w", q.addr, q, err)
		}
		if m := newMessage(v.Message(), q); f.matches(&m) {
			all = append(all, m)
		}
		body = body[v.Size():]
	}
	return all, nil
}

// alone refuses a group with consumers online, for they would get the same messages.
func (s *session) alone(ctx context.Context, a consumeArgs, qs []queue) error {
	if a.group == "" || a.force {
		return nil
	}
	asked := make(map[string]bool)
	for _, q := range qs {
		if asked[q.addr] {
			continue
		}
		asked[q.addr] = true
		resp, err := s.call(ctx, q.addr, &remoting.Command{
			Code: remoting.ReqGetConsumerListByGroup, Fields: remoting.Fields{{Key: "consumerGroup", Value: a.group}},
		}, remoting.RespConsumerNotOnline, remoting.RespSystemError, remoting.RespSubscriptionGroupNotExist)
		if err != nil {
			return err
		}
		var online struct {
			IDs []string `json:"consumerIdList"`
		}
		if resp.Code == remoting.RespSuccess {
			if err := json.Unmarshal(resp.Body, &online); err != nil {
				return fmt.Errorf("%s: consumers of %s: %w", q.addr, a.group, err)
			}
		}
		if len(online.IDs) > 0 {
			return fmt.Errorf("group %s has consumers online at %s, which would get the same messages: use another group, or --force", a.group, q.addr)
		}
	}
	return nil
}
