package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/lab/promise"
)

// groups is how many consumer groups there are, each with a consumer of all queues.
const groups = 2

// commitEvery is how many messages a consumer takes before it commits.
const commitEvery = 20

func groupName(i int) string { return fmt.Sprintf("LabConsumer%d", i) }

// A consumer takes the messages of all queues and commits how far it is. It
// goes on where the broker says that it was.
type consumer struct {
	load   *load
	group  string
	client *client
	next   [queues]int64
	taken  int
}

// work consumes until ctx ends or something goes wrong.
func (c *consumer) work(ctx context.Context) {
	defer c.client.Close()
	for q := range c.next {
		at, err := c.client.offset(ctx, c.group, int32(q))
		if err != nil {
			return
		}
		c.next[q] = max(at, 0)
	}
	for ctx.Err() == nil {
		quiet := true
		for q := range c.next {
			got, next, err := c.client.pull(ctx, c.group, int32(q), c.next[q], 0)
			if err != nil {
				return
			}
			for _, r := range got {
				c.load.ledger.Given(r)
			}
			c.next[q] = next
			c.taken += len(got)
			quiet = quiet && len(got) == 0
		}
		if c.taken >= commitEvery {
			if err := c.commit(ctx); err != nil {
				return
			}
		}
		if quiet {
			pause(ctx, 20*time.Millisecond)
		}
	}
}

// commit tells the broker how far this consumer is in every queue.
func (c *consumer) commit(ctx context.Context) error {
	c.taken = 0
	for q, at := range c.next {
		m := promise.Commit{Group: c.group, Queue: int32(q), Offset: at, At: c.load.now()}
		c.load.ledger.Commit(m)
		_, err := c.client.ask(ctx, remoting.ReqUpdateConsumerOffset, append(queueFields(int32(q)),
			remoting.Field{Key: "consumerGroup", Value: c.group}, remoting.Field{Key: "commitOffset", Value: strconv.FormatInt(at, 10)}))
		if err != nil {
			return err
		}
		m.Taken, m.At = true, c.load.now()
		c.load.ledger.Commit(m)
	}
	return nil
}
