package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// What RocketMQ's clients do while nothing happens, and how often.
const (
	Heartbeat   = 30 * time.Second // and a look at the route: pollNameServerInterval
	CommitEvery = 5 * time.Second
	HoldTime    = 15 * time.Second // of a pull that finds nothing
)

// ConsumerOptions say who waits for what.
type ConsumerOptions struct {
	Broker, Namesrv string // host:port
	Topic           string
	Name            string // what client IDs, groups and a group of producers begin with
	Groups          int    // each with all queues
	Queues          int    // each with a consumer of each group, on connections of its own

	// Dial connects; nil means TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Consumers have had all there is and wait for more.
type Consumers struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	err    error
}

// StartConsumers connects the consumers and returns once every one has shown itself.
func StartConsumers(ctx context.Context, o ConsumerOptions) (*Consumers, error) {
	ctx, cancel := context.WithCancel(ctx)
	all := &Consumers{cancel: cancel}
	for group := range o.Groups {
		for queue := range o.Queues {
			c := &consumer{
				ConsumerOptions: o, client: newClient(HoldTime, 2*HoldTime, o.Dial),
				group: fmt.Sprintf("%sConsumer%d", o.Name, group), id: fmt.Sprintf("%s@%d-%d", o.Name, group, queue), queue: queue,
			}
			if err := c.begin(ctx); err != nil {
				return nil, errors.Join(err, c.client.Close(), all.Stop())
			}
			all.wg.Go(func() { all.fail(errors.Join(c.work(ctx), c.client.Close())) })
		}
	}
	return all, nil
}

func (a *Consumers) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = errors.Join(a.err, err)
}

// Stop ends all and says whether each was served to the end.
func (a *Consumers) Stop() error {
	a.cancel()
	a.wg.Wait()
	return a.err
}

type consumer struct {
	ConsumerOptions
	client    *Client
	group, id string
	queue     int
	offset    int64
}

// begin does what a client does first: a route, a heartbeat, the end of its
// queue, which it commits.
func (c *consumer) begin(ctx context.Context) error {
	if err := c.beat(ctx); err != nil {
		return err
	}
	resp, err := c.ask(ctx, c.Broker, remoting.ReqGetMaxOffset, remoting.RespSuccess, c.queueFields(), nil)
	if err != nil {
		return err
	}
	if c.offset, err = resp.Fields.Int64("offset"); err != nil {
		return err
	}
	return c.commit(ctx)
}

// work waits for messages, and says that it lives and where it is, until ctx ends or
// one of these fails.
func (c *consumer) work(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pulls sync.WaitGroup
	var pullErr error
	pulls.Go(func() { pullErr = c.pulls(ctx); cancel() })
	err := c.tick(ctx)
	cancel()
	pulls.Wait()
	return errors.Join(err, pullErr)
}

// tick sends heartbeats and commits offsets.
func (c *consumer) tick(ctx context.Context) error {
	beats, commits := time.NewTicker(Heartbeat), time.NewTicker(CommitEvery)
	defer beats.Stop()
	defer commits.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
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
func (c *consumer) pulls(ctx context.Context) error {
	const waitForMore, withSubscription = 1 << 1, 1 << 2
	for {
		_, err := c.ask(ctx, c.Broker, remoting.ReqPullMessage, remoting.RespPullNotFound, append(c.queueFields(), remoting.Fields{
			{Key: "consumerGroup", Value: c.group}, {Key: "queueOffset", Value: strconv.FormatInt(c.offset, 10)}, {Key: "maxMsgNums", Value: "32"},
			{Key: "sysFlag", Value: strconv.Itoa(waitForMore | withSubscription)}, {Key: "commitOffset", Value: "0"},
			{Key: "suspendTimeoutMillis", Value: strconv.FormatInt(HoldTime.Milliseconds(), 10)},
			{Key: "subscription", Value: "*"}, {Key: "subVersion", Value: "0"}, {Key: "expressionType", Value: "TAG"},
		}...), nil)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// beat looks the route up and sends a heartbeat.
func (c *consumer) beat(ctx context.Context) error {
	if _, err := c.ask(ctx, c.Namesrv, remoting.ReqGetRouteinfoByTopic, remoting.RespSuccess, remoting.Fields{{Key: "topic", Value: c.Topic}}, nil); err != nil {
		return err
	}
	body := fmt.Sprintf(`{"clientID":%q,"consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":%q,`+
		`"messageModel":"CLUSTERING","subscriptionDataSet":[{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1,"tagsSet":[],"topic":%q}],`+
		`"unitMode":false}],"producerDataSet":[{"groupName":%q}]}`, c.id, c.group, c.Topic, c.Name+"Producer")
	_, err := c.ask(ctx, c.Broker, remoting.ReqHeartBeat, remoting.RespSuccess, nil, []byte(body))
	return err
}

// commit says where the consumer is, although that has not changed.
func (c *consumer) commit(ctx context.Context) error {
	_, err := c.ask(ctx, c.Broker, remoting.ReqUpdateConsumerOffset, remoting.RespSuccess, append(c.queueFields(), remoting.Fields{
		{Key: "consumerGroup", Value: c.group}, {Key: "commitOffset", Value: strconv.FormatInt(c.offset, 10)},
	}...), nil)
	return err
}

func (c *consumer) queueFields() remoting.Fields {
	return remoting.Fields{{Key: "topic", Value: c.Topic}, {Key: "queueId", Value: strconv.Itoa(c.queue)}}
}

// ask makes a request whose answer must have the code want.
func (c *consumer) ask(ctx context.Context, addr string, code, want int32, f remoting.Fields, body []byte) (*remoting.Command, error) {
	resp, _, err := c.client.Try(ctx, addr, code, f, body)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", remoting.RequestName(code), c.id, err)
	}
	if resp.Code != want {
		return nil, fmt.Errorf("%s of %s: answered with %s, not %s: %s", remoting.RequestName(code), c.id, remoting.ResponseName(resp.Code), remoting.ResponseName(want), resp.Remark)
	}
	return resp, nil
}
