package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"pairmq/internal/remoting"
)

// A committer commits the offsets of a group as messages are delivered. It is
// one goroutine's.
type committer struct {
	session *session
	args    consumeArgs
	offsets map[queue]int64 // where the group goes on
	dirty   map[queue]bool
	last    time.Time
}

// commitPeriod is how often offsets are committed while messages come.
const commitPeriod = time.Second

func newCommitter(s *session, a consumeArgs) *committer {
	return &committer{session: s, args: a, offsets: make(map[queue]int64), dirty: make(map[queue]bool), last: time.Now()}
}

// delivered takes note that everything before next was delivered.
func (c *committer) delivered(q queue, next int64) {
	if c.args.group == "" || !c.args.commit {
		return
	}
	if old, ok := c.offsets[q]; !ok || old != next {
		c.offsets[q], c.dirty[q] = next, true
	}
}

// tick commits what has changed, if the period is over.
func (c *committer) tick(ctx context.Context) error {
	if time.Since(c.last) < commitPeriod {
		return nil
	}
	return c.commit(ctx)
}

// finish commits what has changed, also when the consume was interrupted.
func (c *committer) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.session.timeout)
	defer cancel()
	return c.commit(ctx)
}

func (c *committer) commit(ctx context.Context) error {
	c.last = time.Now()
	var failed []error
	for q := range c.dirty {
		_, err := c.session.call(ctx, q.addr, &remoting.Command{Code: remoting.ReqUpdateConsumerOffset, Fields: remoting.Fields{
			{Key: "consumerGroup", Value: c.args.group}, {Key: "topic", Value: c.args.topic},
			{Key: "queueId", Value: strconv.Itoa(int(q.id))}, {Key: "commitOffset", Value: strconv.FormatInt(c.offsets[q], 10)},
		}})
		if err != nil {
			failed = append(failed, err)
			continue
		}
		delete(c.dirty, q)
	}
	return errors.Join(failed...)
}
