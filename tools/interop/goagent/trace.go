package main

import (
	"context"
	"fmt"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

const (
	tracedTime = 60 * time.Second // for messages to be consumed
	// traceTime is how long a client that has ended may take to send its traces: it tells nobody.
	traceTime = 2 * time.Second
)

// traced sends messages 0..to-1 and consumes them, both with traces.
func (a *agent) traced(c command) error {
	traces := &primitive.TraceConfig{GroupName: c.Get("group"), Access: primitive.Local, NamesrvAddrs: primitive.NamesrvAddr(a.namesrv)}
	to := c.number("to")
	came := make(chan struct{}, to)
	in, err := rocketmq.NewPushConsumer(consumer.WithNameServer(a.namesrv), consumer.WithGroupName(c.Get("group")),
		consumer.WithInstance("traced-consumer-"+c.id()), consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset), consumer.WithTrace(traces))
	if err != nil {
		return err
	}
	err = in.Subscribe(c.Get("topic"), consumer.MessageSelector{}, func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for range messages {
			came <- struct{}{}
		}
		return consumer.ConsumeSuccess, nil
	})
	if err != nil {
		return err
	}
	if err := in.Start(); err != nil {
		return err
	}
	defer in.Shutdown()
	out, err := a.producer(c, producer.WithTrace(traces))
	if err != nil {
		return err
	}
	defer out.Shutdown()
	for n := range to {
		m := primitive.NewMessage(c.Get("topic"), fmt.Appendf(nil, "traced %d", n)).WithTag("TagT").WithKeys([]string{fmt.Sprintf("traced-%d", n)})
		r, err := out.SendSync(context.Background(), m)
		if err != nil {
			return err
		}
		a.sent(c.id(), n, 1, r)
	}
	late := time.After(tracedTime)
	for n := range to {
		select {
		case <-came:
		case <-late:
			return fmt.Errorf("%d of %d messages were consumed", n, to)
		}
	}
	<-time.After(traceTime)
	return nil
}
