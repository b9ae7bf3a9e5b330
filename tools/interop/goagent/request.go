package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// held is the tag of requests whose replies wait until the replier is released.
const held = "Held"

// answer runs a push consumer that replies to every message, with "re: " before its
// body. The client leaves the reply's body out.
func (a *agent) answer(c command) (stop func() error, err error) {
	replies, err := a.producer(c, producer.WithGroupName(c.Get("group")+"-replies"))
	if err != nil {
		return nil, err
	}
	p, err := rocketmq.NewPushConsumer(a.options(c)...)
	if err != nil {
		return nil, err
	}
	released := make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	err = p.Subscribe(c.Get("topic"), selector(c), func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, m := range messages {
			a.got(c.id(), m)
			if m.GetTags() == held {
				<-released
			}
			reply, err := consumer.CreateReplyMessage(m, nil)
			if err != nil {
				return consumer.ConsumeRetryLater, err
			}
			reply.Body = append([]byte("re: "), m.Body...)
			if _, err := replies.SendSync(ctx, reply); err != nil {
				return consumer.ConsumeRetryLater, err
			}
		}
		return consumer.ConsumeSuccess, nil
	})
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.releasing[c.id()] = release
	a.mu.Unlock()
	return func() error {
		release()
		return errors.Join(p.Shutdown(), replies.Shutdown())
	}, p.Start()
}

// release has a replier reply to what it holds, and to what comes, at once.
func (a *agent) release(c command) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	release := a.releasing[c.Get("consumer")]
	if release == nil {
		return fmt.Errorf("no replier %s", c.Get("consumer"))
	}
	release()
	return nil
}

// requester starts a producer of requests.
func (a *agent) requester(c command) (stop func() error, err error) {
	p, err := a.producer(c)
	if err != nil {
		return nil, err
	}
	topic := c.Get("topic")
	a.mu.Lock()
	a.asking[c.id()] = func(c command) error {
		m := primitive.NewMessage(topic, []byte(c.Get("n")))
		if c.Get("held") == "true" {
			m.WithTag(held)
		}
		reply, err := p.Request(context.Background(), time.Duration(c.Int64("timeout"))*time.Millisecond, m)
		if err != nil {
			return err
		}
		if got, want := string(reply.Body), "re: "+c.Get("n"); got != want {
			return fmt.Errorf("request %s got the reply %s", c.Get("n"), got)
		}
		return nil
	}
	a.mu.Unlock()
	return p.Shutdown, nil
}

// ask sends a request with the body n and waits for the reply to it.
func (a *agent) ask(c command) error {
	a.mu.Lock()
	ask := a.asking[c.Get("requester")]
	a.mu.Unlock()
	if ask == nil {
		return fmt.Errorf("no requester %s", c.Get("requester"))
	}
	return ask(c)
}
