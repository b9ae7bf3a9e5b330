package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// The consumers of the second window, with the intervals of RocketMQ's clients.
const (
	consumers   = 8 // of one group, each with a queue and a connection of its own
	heartbeat   = 30 * time.Second
	commitEvery = 5 * time.Second
	holdTime    = 15 * time.Second
	callTime    = 2 * holdTime
)

func topicName(i int) string { return fmt.Sprintf("Budget%03d", i) }

// makeTopics makes the topics as a person would.
func makeTopics(ctx context.Context, broker string) error {
	c := remoting.NewClient(remoting.ClientOptions{})
	defer c.Close()
	for i := range topicCount {
		_, err := call(ctx, c, broker, remoting.ReqUpdateAndCreateTopic, remoting.RespSuccess, nil, remoting.Fields{
			{Key: "topic", Value: topicName(i)}, {Key: "defaultTopic", Value: "TBW102"}, {Key: "readQueueNums", Value: "8"}, {Key: "writeQueueNums", Value: "8"},
			{Key: "perm", Value: "6"}, {Key: "topicFilterType", Value: "SINGLE_TAG"}, {Key: "topicSysFlag", Value: "0"}, {Key: "order", Value: "false"},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// call asks one request, whose answer must have that code.
func call(ctx context.Context, c *remoting.Client, addr string, code, want int32, body []byte, f remoting.Fields) (*remoting.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	resp, err := c.Call(ctx, addr, &remoting.Command{Code: code, Fields: f, Body: body})
	if err != nil {
		return nil, fmt.Errorf("request %d: %w", code, err)
	}
	if resp.Code != want {
		return nil, fmt.Errorf("request %d: answered with code %d, not %d: %s", code, resp.Code, want, resp.Remark)
	}
	return resp, nil
}

// A group is consumers that wait for messages.
type group struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	err    error
}

// newConsumers connects the consumers and returns once each has shown itself.
func newConsumers(ctx context.Context, broker, namesrv string) (*group, error) {
	ctx, cancel := context.WithCancel(ctx)
	g := &group{cancel: cancel}
	for i := range consumers {
		c := &consumer{client: remoting.NewClient(remoting.ClientOptions{}), broker: broker, namesrv: namesrv, number: i}
		if err := errors.Join(c.beat(ctx), c.commit(ctx)); err != nil {
			return nil, errors.Join(err, c.client.Close(), g.stop())
		}
		var busy sync.WaitGroup
		for _, do := range []func(context.Context) error{c.pulls, c.every(heartbeat, c.beat), c.every(commitEvery, c.commit)} {
			busy.Add(1)
			g.wg.Go(func() { defer busy.Done(); g.note(ctx, do(ctx)) })
		}
		g.wg.Go(func() { busy.Wait(); g.note(ctx, c.client.Close()) })
	}
	return g, nil
}

// note keeps an error, unless it is over anyway.
func (g *group) note(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = errors.Join(g.err, err)
}

// stop ends all and says whether each was served to the end.
func (g *group) stop() error {
	g.cancel()
	g.wg.Wait()
	return g.err
}

type consumer struct {
	client          *remoting.Client
	broker, namesrv string
	number          int
}

// every does something again and again until ctx ends or it fails.
func (c *consumer) every(period time.Duration, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			if wait(ctx, period) != nil {
				return nil
			}
			if err := do(ctx); err != nil {
				return err
			}
		}
	}
}

func (c *consumer) queue() remoting.Fields {
	return remoting.Fields{{Key: "consumerGroup", Value: "BudgetConsumer"}, {Key: "topic", Value: topicName(0)}, {Key: "queueId", Value: strconv.Itoa(c.number)}}
}

// pulls asks for messages again and again; the broker holds each request.
func (c *consumer) pulls(ctx context.Context) error {
	const waitForMore, withSubscription = 1 << 1, 1 << 2
	for ctx.Err() == nil {
		_, err := call(ctx, c.client, c.broker, remoting.ReqPullMessage, remoting.RespPullNotFound, nil, append(c.queue(), remoting.Fields{
			{Key: "queueOffset", Value: "0"}, {Key: "maxMsgNums", Value: "32"}, {Key: "sysFlag", Value: strconv.Itoa(waitForMore | withSubscription)}, {Key: "commitOffset", Value: "0"},
			{Key: "suspendTimeoutMillis", Value: strconv.FormatInt(holdTime.Milliseconds(), 10)},
			{Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}, {Key: "expressionType", Value: "TAG"},
		}...))
		if err != nil {
			return err
		}
	}
	return nil
}

// beat looks the route up and sends a heartbeat.
func (c *consumer) beat(ctx context.Context) error {
	if _, err := call(ctx, c.client, c.namesrv, remoting.ReqGetRouteinfoByTopic, remoting.RespSuccess, nil, remoting.Fields{{Key: "topic", Value: topicName(0)}}); err != nil {
		return err
	}
	body := fmt.Sprintf(`{"clientID":"budget@%d","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"BudgetConsumer",`+
		`"messageModel":"CLUSTERING","subscriptionDataSet":[{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1,"tagsSet":[],"topic":%q}],`+
		`"unitMode":false}],"producerDataSet":[]}`, c.number, topicName(0))
	_, err := call(ctx, c.client, c.broker, remoting.ReqHeartBeat, remoting.RespSuccess, []byte(body), nil)
	return err
}

// commit says where the consumer is, although that has not changed.
func (c *consumer) commit(ctx context.Context) error {
	_, err := call(ctx, c.client, c.broker, remoting.ReqUpdateConsumerOffset, remoting.RespSuccess, nil, append(c.queue(), remoting.Field{Key: "commitOffset", Value: "0"}))
	return err
}
