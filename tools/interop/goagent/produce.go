package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"

	"pairmq/tools/interop/corpus"
)

// outstanding is how many asynchronous sends are under way at most.
const outstanding = 64

func (a *agent) producer(c command, opts ...producer.Option) (rocketmq.Producer, error) {
	if own, ok := account(); ok {
		opts = append(opts, producer.WithCredentials(own))
	}
	p, err := rocketmq.NewProducer(append([]producer.Option{
		producer.WithNameServer(a.namesrv), producer.WithGroupName(c.Get("group")),
		producer.WithInstanceName(c.Get("group") + "-" + c.id()), producer.WithRetry(0),
	}, opts...)...)
	if err != nil {
		return nil, err
	}
	return p, p.Start()
}

// produce sends messages from..to-1 of a corpus, each as the corpus says,
// without retries; blocks of 100 are spread over the threads.
func (a *agent) produce(c command) error {
	p, err := a.producer(c)
	if err != nil {
		return err
	}
	defer p.Shutdown()
	s := &sender{agent: a, producer: p, c: c, slots: make(chan struct{}, outstanding)}
	threads := c.number("threads")
	var all sync.WaitGroup
	for first := range threads {
		all.Go(func() { s.fail(s.blocks(first, threads)) })
	}
	all.Wait()
	for range outstanding {
		s.slots <- struct{}{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// A sender is one produce command.
type sender struct {
	agent    *agent
	producer rocketmq.Producer
	c        command
	slots    chan struct{}

	mu  sync.Mutex
	err error // the first
}

func (s *sender) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.Join(s.err, err)
}

func (s *sender) blocks(first, step int) error {
	from, to := s.c.number("from"), s.c.number("to")
	for block := from/100 + first; block*100 < to; block += step {
		for i := max(from, block*100); i < min(to, block*100+100); {
			n, err := s.send(i)
			if err != nil {
				return fmt.Errorf("message %d: %w", i, err)
			}
			i += n
		}
	}
	return nil
}

// send sends message i, and the rest of its batch; it returns how many.
func (s *sender) send(i int) (int, error) {
	ctx, id := context.Background(), s.c.id()
	how, m := s.message(i)
	switch how {
	case corpus.Sync:
		r, err := s.producer.SendSync(ctx, m)
		if err == nil {
			s.agent.sent(id, i, 1, r)
		}
		return 1, err
	case corpus.Async:
		s.slots <- struct{}{}
		err := s.producer.SendAsync(ctx, func(_ context.Context, r *primitive.SendResult, err error) {
			if err != nil {
				s.fail(fmt.Errorf("message %d: %w", i, err))
			} else {
				s.agent.sent(id, i, 1, r)
			}
			<-s.slots
		}, m)
		return 1, err
	case corpus.Oneway:
		err := s.producer.SendOneWay(ctx, m)
		s.agent.event("sent", "id", id, "n", i, "count", 1, "status", "ONEWAY", "q", -1, "qo", -1)
		return 1, err
	}
	batch := []*primitive.Message{m}
	for j := i + 1; j < i+corpus.BatchSize; j++ {
		_, more := s.message(j)
		batch = append(batch, more)
	}
	r, err := s.producer.SendSync(ctx, batch...)
	if err == nil {
		s.agent.sent(id, i, corpus.BatchSize, r)
	}
	return corpus.BatchSize, err
}

func (s *sender) message(i int) (corpus.How, *primitive.Message) {
	from := corpus.Make(s.c.Int64("seed"), i)
	m := primitive.NewMessage(s.c.Get("topic"), from.Body).WithTag(from.Tag).WithKeys(strings.Split(from.Keys, " "))
	m.Flag = from.Flag
	for k, v := range from.Properties {
		m.WithProperty(k, v)
	}
	return from.How, m
}

// order sends messages from..to-1 one after the other; message n belongs to
// order n % orders, whose number chooses the queue.
func (a *agent) order(c command) error {
	p, err := a.producer(c, producer.WithQueueSelector(producer.NewHashQueueSelector()))
	if err != nil {
		return err
	}
	defer p.Shutdown()
	for n := c.number("from"); n < c.number("to"); n++ {
		order := strconv.Itoa(n % c.number("orders"))
		m := primitive.NewMessage(c.Get("topic"), []byte(order+"/"+strconv.Itoa(n)))
		m.WithTag("TagO").WithKeys([]string{"order-" + order}).WithShardingKey("order-" + order)
		m.WithProperty("n", strconv.Itoa(n))
		m.WithProperty("order", order)
		r, err := p.SendSync(context.Background(), m)
		if err != nil {
			return fmt.Errorf("message %d: %w", n, err)
		}
		a.sent(c.id(), n, 1, r)
	}
	return nil
}

// delay sends messages from..to-1 one after the other; message n waits at
// level levels[n % len(levels)], at none if that is 0, and as many seconds if it
// is negative. The body is "later n".
func (a *agent) delay(c command) error {
	p, err := a.producer(c)
	if err != nil {
		return err
	}
	defer p.Shutdown()
	levels := c.list("levels")
	for n := c.number("from"); n < c.number("to"); n++ {
		text := strconv.Itoa(n)
		m := primitive.NewMessage(c.Get("topic"), []byte("later "+text)).WithTag("TagL").WithKeys([]string{"later-" + text})
		m.WithProperty("n", text)
		switch level := levels[n%len(levels)]; {
		case level > 0:
			m.WithDelayTimeLevel(level)
		case level < 0: // this client has no call for it
			m.WithProperty("TIMER_DELAY_MS", strconv.Itoa(-level*1000))
		}
		r, err := p.SendSync(context.Background(), m)
		if err != nil {
			return fmt.Errorf("message %d: %w", n, err)
		}
		a.sent(c.id(), n, 1, r)
	}
	return nil
}
