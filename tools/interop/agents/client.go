package agents

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pairmq/tools/interop/verify"
)

// Produce sends messages from..to-1 of a corpus to a topic, on this many
// threads, and returns what the client was told about each.
func (a *Agent) Produce(ctx context.Context, group, topic string, seed int64, from, to, threads int) ([]verify.Sent, error) {
	s, err := a.command(ctx, "produce", "group", group, "topic", topic, "seed", seed, "from", from, "to", to, "threads", threads)
	if err != nil {
		return nil, err
	}
	return s.sent, nil
}

// ProduceSlowly is Produce with a pause, in milliseconds, after each send of a
// thread. Before, message to is sent, again and again until the client finds a
// route; it is among those returned.
func (a *Agent) ProduceSlowly(ctx context.Context, group, topic string, seed int64, from, to, threads, pause int) ([]verify.Sent, error) {
	s, err := a.command(ctx, "produce", "group", group, "topic", topic, "seed", seed, "from", from, "to", to, "threads", threads, "warm", to, "pause", pause)
	if err != nil {
		return nil, err
	}
	return s.sent, nil
}

// Order sends messages from..to-1 one by one; message n belongs to order
// n % orders and goes to the queue which a selector finds by the order.
func (a *Agent) Order(ctx context.Context, group, topic string, from, to, orders int) ([]verify.Sent, error) {
	s, err := a.command(ctx, "order", "group", group, "topic", topic, "from", from, "to", to, "orders", orders)
	if err != nil {
		return nil, err
	}
	return s.sent, nil
}

// Delay sends messages from..to-1 one by one; message n waits at level
// levels[n % len(levels)], not at all if that is 0, or so many seconds if it is negative,
// by a time of its own.
func (a *Agent) Delay(ctx context.Context, group, topic string, from, to int, levels ...int) ([]verify.Sent, error) {
	s, err := a.command(ctx, "delay", "group", group, "topic", topic, "from", from, "to", to, "levels", list(levels))
	if err != nil {
		return nil, err
	}
	return s.sent, nil
}

// Timed sends messages from..to-1 one by one that wait for so many seconds: by a delay in
// ms, in seconds, and by a time in turn. If recall is set each is taken back at once.
func (a *Agent) Timed(ctx context.Context, group, topic string, from, to, seconds int, recall bool) ([]verify.Sent, error) {
	back := 0
	if recall {
		back = 1
	}
	s, err := a.command(ctx, "timed", "group", group, "topic", topic, "from", from, "to", to, "seconds", seconds, "recall", back)
	if err != nil {
		return nil, err
	}
	return s.sent, nil
}

// list is numbers as the agents read them.
func list(numbers []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ","), "[]")
}

// A Subscription says what a consumer consumes and how.
type Subscription struct {
	Group, Topic string
	Expr         string // "" is "*"
	SQL          bool   // Expr is an SQL92 expression; push consumers alone
	Instance     string // unlike any other in this agent
	Where        string // FIRST (or ""), LAST, TIMESTAMP
	Timestamp    int64  // for TIMESTAMP, in ms; the protocol counts in seconds
	Broadcast    bool
	Ordered      bool
	Pop          int64  // push, 5.4.0: the broker rebalances, and messages that are popped are invisible so long, ms
	Delays       []int  // push, popped: what the first delay levels are, s; the client's own begin with 10 s
	Seek         string // lite: begin, end or ms; pull: begin, committed or ms
	Queues       int    // pull: how many the topic has
	Broker       string // pull: brokerName of the topic
	Later        []int  // push: how often message n is sent back, or suspended: Later[n % len(Later)]
	Next         []int  // push: the delay level that it is sent back with, 0 for the broker's choice; likewise
	Work         int    // push: how long a listener takes for a message, ms
	Most         int    // push: how often a message comes again before it is a dead letter; 0 is the client's default
}

func (s Subscription) pairs() []any {
	expr, where, model := s.Expr, s.Where, ""
	if expr == "" {
		expr = "*"
	}
	kind := "TAG"
	if s.SQL {
		kind = "SQL92"
	}
	if where == "" {
		where = "FIRST"
	}
	if s.Broadcast {
		model = "BROADCASTING"
	}
	later, next, most := s.Later, s.Next, s.Most
	if later == nil {
		later = []int{0}
	}
	if next == nil {
		next = []int{0}
	}
	if most == 0 {
		most = -1
	}
	return []any{"group", s.Group, "topic", s.Topic, "expr", expr, "type", kind, "instance", s.Instance, "where", where, "timestamp", s.Timestamp,
		"model", model, "order", s.Ordered, "pop", s.Pop, "delays", list(s.Delays), "seek", s.Seek, "from", s.Seek, "queues", s.Queues, "broker", s.Broker,
		"later", list(later), "next", list(next), "work", s.Work, "most", most}
}

// A Consumer is a consumer that runs in an agent.
type Consumer struct {
	agent *Agent
	s     *stream
}

// Push starts a push consumer.
func (a *Agent) Push(ctx context.Context, sub Subscription) (*Consumer, error) {
	return a.consumer(ctx, "push", sub)
}

// Lite starts a consumer that polls: DefaultLitePullConsumer in Java, a
// subscribed PullConsumer in Go.
func (a *Agent) Lite(ctx context.Context, sub Subscription) (*Consumer, error) {
	return a.consumer(ctx, "lite", sub)
}

// Traced sends n messages and has a consumer of a group consume them, both with traces.
func (a *Agent) Traced(ctx context.Context, group, topic string, n int) ([]verify.Sent, error) {
	s, err := a.command(ctx, "traced", "group", group, "topic", topic, "to", n)
	if err != nil {
		return nil, err
	}
	return s.sent, nil
}

// Status returns how far the consumers of a group say that they are, by queue. Java alone
// has it.
func (a *Agent) Status(ctx context.Context, group, topic string) (map[int32]int64, error) {
	s, err := a.command(ctx, "status", "group", group, "topic", topic)
	if err != nil {
		return nil, err
	}
	return s.sought, nil
}

// Resume has the half with a message id, which was given up and lies in topic, be open
// once more. Java alone has it.
func (a *Agent) Resume(ctx context.Context, topic, id string) error {
	_, err := a.command(ctx, "resume", "topic", topic, "msg", id)
	return err
}

func (a *Agent) consumer(ctx context.Context, verb string, sub Subscription) (*Consumer, error) {
	s, err := a.command(ctx, verb, sub.pairs()...)
	if err != nil {
		return nil, err
	}
	return &Consumer{agent: a, s: s}, nil
}

// Pull pulls all queues from Subscription.Seek to their ends and commits. It
// returns the deliveries, and the offset of each queue that it began at.
func (a *Agent) Pull(ctx context.Context, sub Subscription) ([]verify.Got, map[int32]int64, error) {
	s, err := a.command(ctx, "pull", sub.pairs()...)
	if err != nil {
		return nil, nil, err
	}
	return s.got, s.sought, nil
}

// Got returns the deliveries so far.
func (c *Consumer) Got() []verify.Got {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return slices.Clone(c.s.got)
}

// Sought returns the offsets that a seek found, by queue.
func (c *Consumer) Sought() map[int32]int64 {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return maps.Clone(c.s.sought)
}

// Delivered is how many deliveries there were so far.
func (c *Consumer) Delivered() int {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return len(c.s.got)
}

// Wait waits until cond holds of the deliveries so far.
func (c *Consumer) Wait(ctx context.Context, cond func([]verify.Got) bool) error {
	if err := c.s.wait(ctx, func() bool { return cond(c.s.got) }); err != nil {
		return fmt.Errorf("agents: %s: after %d deliveries: %w\n%s", c.agent.Name, len(c.Got()), err, c.agent.Log())
	}
	return nil
}

// Stop shuts the consumer down as an application should.
func (c *Consumer) Stop(ctx context.Context) error {
	_, err := c.agent.command(ctx, "stop", "consumer", c.s.id)
	return err
}
