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

// Idle clients, with the intervals of RocketMQ's: each consumer has one queue.
const (
	idleConsumers = queues
	idleGroups    = 4
	idleHeartbeat = 30 * time.Second // as pollNameServerInterval
	idleCommit    = 5 * time.Second
	idleHold      = 15 * time.Second // of a pull that finds nothing
)

// idleClients are consumers that have had all there is and wait for more.
type idleClients struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	err    error
}

// startIdleClients connects consumers of all queues in several groups, each
// group with all queues, and returns once every one has begun to wait.
func startIdleClients(ctx context.Context, broker, namesrv string) (*idleClients, error) {
	ctx, cancel := context.WithCancel(ctx)
	all := &idleClients{cancel: cancel}
	for group := range idleGroups {
		for queue := range idleConsumers {
			c := &idleConsumer{
				client: remoting.NewClient(remoting.ClientOptions{}), broker: broker, namesrv: namesrv,
				group: fmt.Sprintf("IdleConsumer%d", group), id: fmt.Sprintf("idle@%d-%d", group, queue), queue: queue,
			}
			if err := c.begin(ctx); err != nil {
				return nil, errors.Join(fmt.Errorf("idle client: %w", err), c.client.Close(), all.stop())
			}
			all.wg.Go(func() { all.fail(c.work(ctx)) })
		}
	}
	return all, nil
}

func (a *idleClients) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = errors.Join(a.err, err)
}

// stop ends all and says whether each was served to the end.
func (a *idleClients) stop() error {
	a.cancel()
	a.wg.Wait()
	return a.err
}

type idleConsumer struct {
	client          *remoting.Client
	broker, namesrv string
	group, id       string
	queue           int
	offset          int64
}

// begin does what a client does first: a route, a heartbeat, the end of its
// queue, which it commits.
func (c *idleConsumer) begin(ctx context.Context) error {
	if err := c.beat(ctx); err != nil {
		return err
	}
	resp, err := c.call(ctx, c.broker, remoting.ReqGetMaxOffset, c.queueFields(), nil, remoting.RespSuccess)
	if err != nil {
		return err
	}
	if c.offset, err = resp.Fields.Int64("offset"); err != nil {
		return err
	}
	return c.commit(ctx)
}

// work waits for messages, and says that it lives and where it is, until ctx ends.
func (c *idleConsumer) work(ctx context.Context) error {
	defer c.client.Close()
	var pulls sync.WaitGroup
	defer pulls.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pullErr error
	pulls.Go(func() { pullErr = c.pulls(ctx); cancel() })
	beats, commits := time.NewTicker(idleHeartbeat), time.NewTicker(idleCommit)
	defer beats.Stop()
	defer commits.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			pulls.Wait()
			return pullErr
		case <-beats.C:
			err = c.beat(ctx)
		case <-commits.C:
			err = c.commit(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// pulls asks for messages again and again; the broker holds each request.
func (c *idleConsumer) pulls(ctx context.Context) error {
	const waitForMore, withSubscription = 1 << 1, 1 << 2
	for {
		_, err := c.call(ctx, c.broker, remoting.ReqPullMessage, append(c.queueFields(), remoting.Fields{
			{Key: "consumerGroup", Value: c.group}, {Key: "queueOffset", Value: strconv.FormatInt(c.offset, 10)}, {Key: "maxMsgNums", Value: "32"},
			{Key: "sysFlag", Value: strconv.Itoa(waitForMore | withSubscription)}, {Key: "commitOffset", Value: "0"},
			{Key: "suspendTimeoutMillis", Value: strconv.FormatInt(idleHold.Milliseconds(), 10)},
			{Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}, {Key: "expressionType", Value: "TAG"},
		}...), nil, remoting.RespPullNotFound)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// beat looks the route up and sends a heartbeat, as every 30 s.
func (c *idleConsumer) beat(ctx context.Context) error {
	if _, err := c.call(ctx, c.namesrv, remoting.ReqGetRouteinfoByTopic, remoting.Fields{{Key: "topic", Value: wearTopic}}, nil, remoting.RespSuccess); err != nil {
		return err
	}
	body := fmt.Sprintf(`{"clientID":%q,"consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":%q,`+
		`"messageModel":"CLUSTERING","subscriptionDataSet":[{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1,"tagsSet":[],"topic":%q}],`+
		`"unitMode":false}],"producerDataSet":[{"groupName":"IdleProducer"}]}`, c.id, c.group, wearTopic)
	_, err := c.call(ctx, c.broker, remoting.ReqHeartBeat, nil, []byte(body), remoting.RespSuccess)
	return err
}

// commit says where the consumer is, although that has not changed.
func (c *idleConsumer) commit(ctx context.Context) error {
	_, err := c.call(ctx, c.broker, remoting.ReqUpdateConsumerOffset, append(c.queueFields(), remoting.Fields{
		{Key: "consumerGroup", Value: c.group}, {Key: "commitOffset", Value: strconv.FormatInt(c.offset, 10)},
	}...), nil, remoting.RespSuccess)
	return err
}

func (c *idleConsumer) queueFields() remoting.Fields {
	return remoting.Fields{{Key: "topic", Value: wearTopic}, {Key: "queueId", Value: strconv.Itoa(c.queue)}}
}

// call asks one request, whose answer must have that code.
func (c *idleConsumer) call(ctx context.Context, addr string, code int32, f remoting.Fields, body []byte, want int32) (*remoting.Command, error) {
	asked, cancel := context.WithTimeout(ctx, 2*idleHold)
	defer cancel()
	resp, err := c.client.Call(asked, addr, &remoting.Command{Code: code, Fields: f, Body: body})
	if err != nil {
		return nil, fmt.Errorf("request %d of %s: %w", code, c.id, err)
	}
	if resp.Code != want {
		return nil, fmt.Errorf("request %d of %s: answered with code %d, not %d: %s", code, c.id, resp.Code, want, resp.Remark)
	}
	return resp, nil
}
