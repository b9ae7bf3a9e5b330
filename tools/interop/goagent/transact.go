package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// transactions decides the messages of one transact command: message n by
// first[n % len(first)] when its half is stored, and by then when the broker asks.
type transactions struct {
	agent       *agent
	id          string
	first, then []int
	hold        atomic.Bool // whoever asks is told that it is not known
}

// stateOf is what a decision's number stands for.
func stateOf(decision int) primitive.LocalTransactionState {
	switch decision {
	case 1:
		return primitive.CommitMessageState
	case 2:
		return primitive.RollbackMessageState
	}
	return primitive.UnknowState
}

func (x *transactions) ExecuteLocalTransaction(m *primitive.Message) primitive.LocalTransactionState {
	n, _ := strconv.Atoi(m.GetProperty("n"))
	return stateOf(x.first[n%len(x.first)])
}

func (x *transactions) CheckLocalTransaction(m *primitive.MessageExt) primitive.LocalTransactionState {
	n, _ := strconv.Atoi(m.GetProperty("n"))
	state := primitive.UnknowState
	if !x.hold.Load() {
		state = stateOf(x.then[n%len(x.then)])
	}
	x.agent.event("checked", "id", x.id, "n", n)
	return state
}

// transact sends messages from..to-1 as transactions, one after the other, and goes
// on answering the broker until it is stopped. The broker is told to ask after immunity
// seconds, unless that is 0. The body is "later n".
func (a *agent) transact(c command) (stop func() error, err error) {
	x := &transactions{agent: a, id: c.id(), first: c.list("first"), then: c.list("then")}
	x.hold.Store(c.Get("hold") == "true")
	opts := []producer.Option{producer.WithNameServer(a.namesrv), producer.WithGroupName(c.Get("group")),
		producer.WithInstanceName(c.Get("group") + "-" + c.id()), producer.WithRetry(0)}
	if own, ok := account(); ok {
		opts = append(opts, producer.WithCredentials(own))
	}
	p, err := rocketmq.NewTransactionProducer(x, opts...)
	if err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.deciding[c.id()] = func() { x.hold.Store(false) }
	a.mu.Unlock()
	for n := c.number("from"); n < c.number("to"); n++ {
		text := strconv.Itoa(n)
		m := primitive.NewMessage(c.Get("topic"), []byte("later "+text)).WithTag("TagL").WithKeys([]string{"later-" + text})
		m.WithProperty("n", text)
		if immunity := c.Get("immunity"); immunity != "" && immunity != "0" {
			m.WithProperty("CHECK_IMMUNITY_TIME_IN_SECONDS", immunity)
		}
		r, err := p.SendMessageInTransaction(context.Background(), m)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("message %d: %w", n, err), p.Shutdown())
		}
		a.sent(c.id(), n, 1, r.SendResult)
	}
	return p.Shutdown, nil
}

// decide has the producer of a transact command decide from now on.
func (a *agent) decide(c command) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	decide := a.deciding[c.Get("producer")]
	if decide == nil {
		return fmt.Errorf("no producer %s", c.Get("producer"))
	}
	decide()
	return nil
}
