package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// settle is how long a stopping consumer waits after its last listener has
// returned: the client notes the offset behind that and tells nobody.
const settle = 100 * time.Millisecond

func (a *agent) options(c command) []consumer.Option {
	where := consumer.ConsumeFromFirstOffset
	switch c.Or("where", "FIRST") {
	case "LAST":
		where = consumer.ConsumeFromLastOffset
	case "TIMESTAMP":
		where = consumer.ConsumeFromTimestamp
	}
	model := consumer.Clustering
	if c.Get("model") == "BROADCASTING" {
		model = consumer.BroadCasting
	}
	all := []consumer.Option{
		consumer.WithNameServer(a.namesrv), consumer.WithGroupName(c.Get("group")), consumer.WithInstance(c.Get("instance")),
		consumer.WithConsumeFromWhere(where), consumer.WithConsumeTimestamp(time.UnixMilli(c.Int64("timestamp")).UTC().Format("20060102150405")),
		consumer.WithConsumerModel(model), consumer.WithConsumerOrder(c.Get("order") == "true"),
		consumer.WithMaxReconsumeTimes(int32(c.number("most"))),
	}
	if own, ok := account(); ok {
		all = append(all, consumer.WithCredentials(own))
	}
	return all
}

func selector(c command) consumer.MessageSelector {
	return consumer.MessageSelector{Type: consumer.ExpressionType(c.Or("type", string(consumer.TAG))), Expression: c.Get("expr")}
}

// push runs a push consumer that reports every message when its listener
// begins and, in order, ends, for which it takes work. Message n is sent back, or suspended, the first
// later[n % len(later)] times, to come again after the delay of level
// next[n % len(next)]; after most times it is a dead letter.
func (a *agent) push(c command) (stop func() error, err error) {
	p, err := rocketmq.NewPushConsumer(a.options(c)...)
	if err != nil {
		return nil, err
	}
	ordered, later, next := c.Get("order") == "true", c.list("later"), c.list("next")
	work := time.Duration(c.Int64("work")) * time.Millisecond
	var listeners sync.WaitGroup
	err = p.Subscribe(c.Get("topic"), selector(c), func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		listeners.Add(1)
		defer listeners.Done()
		for _, m := range messages {
			a.got(c.id(), m)
			<-time.After(work)
			if ordered {
				a.done(c.id(), m)
			}
		}
		m := messages[0] // of one, unless the client is told otherwise
		n, _ := strconv.Atoi(m.GetProperty("n"))
		if int(m.ReconsumeTimes) >= later[n%len(later)] {
			return consumer.ConsumeSuccess, nil
		}
		if ordered {
			return consumer.SuspendCurrentQueueAMoment, nil
		}
		if how, ok := primitive.GetConcurrentlyCtx(ctx); ok {
			how.DelayLevelWhenNextConsume = next[n%len(next)]
		}
		return consumer.ConsumeRetryLater, nil
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		listeners.Wait()
		<-time.After(settle)
		return p.Shutdown()
	}, p.Start()
}

// poll runs a pull consumer that subscribes and polls until it is stopped.
func (a *agent) poll(c command) (stop func() error, err error) {
	p, err := rocketmq.NewPullConsumer(a.options(c)...)
	if err != nil {
		return nil, err
	}
	if err := p.Subscribe(c.Get("topic"), selector(c)); err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			request, err := p.Poll(ctx, time.Second)
			if err != nil {
				continue // nothing new, or the queue went to somebody else
			}
			for _, m := range request.GetMsgList() {
				a.got(c.id(), m)
			}
			p.ACK(ctx, request, consumer.ConsumeSuccess)
		}
	}()
	return func() error {
		cancel()
		<-ended
		return p.Shutdown()
	}, nil
}

// pull pulls all queues to their ends and commits. It reports where it began
// in each queue.
func (a *agent) pull(c command) error {
	p, err := rocketmq.NewPullConsumer(a.options(c)...)
	if err != nil {
		return err
	}
	if err := p.Subscribe(c.Get("topic"), selector(c)); err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	ends := map[*primitive.MessageQueue]int64{}
	for q := range c.number("queues") {
		mq := &primitive.MessageQueue{Topic: c.Get("topic"), BrokerName: c.Get("broker"), QueueId: q}
		if ends[mq], err = a.drain(c, p, mq); err != nil {
			return errors.Join(fmt.Errorf("queue %d: %w", q, err), p.Shutdown())
		}
	}
	return errors.Join(commit(p, c.Get("topic"), ends), p.Shutdown())
}

// commit persists offsets. The client forgets the offset of a queue that
// rebalancing has not given it, so this tries until it has been.
func commit(p rocketmq.PullConsumer, topic string, ends map[*primitive.MessageQueue]int64) error {
	tick := time.NewTicker(settle)
	defer tick.Stop()
	for range 300 {
		for mq, end := range ends {
			if err := p.UpdateOffset(mq, end); err != nil {
				return err
			}
		}
		if err := p.PersistOffset(context.Background(), topic); err != nil {
			return err
		}
		kept := 0
		for mq, end := range ends {
			if at, err := p.CurrentOffset(mq); err == nil && at == end {
				kept++
			}
		}
		if kept == len(ends) {
			return nil
		}
		<-tick.C
	}
	return errors.New("the client does not persist its offsets")
}

// drain pulls a queue to its end and returns the offset there.
func (a *agent) drain(c command, p rocketmq.PullConsumer, mq *primitive.MessageQueue) (int64, error) {
	offset := int64(0)
	if c.Get("from") == "committed" {
		var err error
		if offset, err = p.CurrentOffset(mq); err != nil {
			return 0, err
		}
	}
	a.event("sought", "id", c.id(), "q", mq.QueueId, "qo", offset)
	for {
		r, err := p.PullFrom(context.Background(), mq, offset, 32)
		if err != nil {
			return 0, fmt.Errorf("at %d: %w", offset, err)
		}
		switch r.Status {
		case primitive.PullFound:
			for _, m := range r.GetMessageExts() {
				a.got(c.id(), m)
			}
		case primitive.PullNoNewMsg:
		case primitive.PullNoMsgMatched:
		default:
			return 0, fmt.Errorf("at %d: status %d, next %d", offset, r.Status, r.NextBeginOffset)
		}
		// At the end one more pull would be held for 20 s.
		if offset = r.NextBeginOffset; offset >= r.MaxOffset {
			return offset, nil
		}
	}
}
