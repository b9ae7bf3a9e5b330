package agents

import (
	"context"
	"time"
)

// Answer starts a push consumer that replies to every message, with "re: " before its
// body; to those that were asked with held, not before Release.
func (a *Agent) Answer(ctx context.Context, sub Subscription) (*Consumer, error) {
	return a.consumer(ctx, "answer", sub)
}

// Release has a consumer of Answer reply to what it holds.
func (c *Consumer) Release(ctx context.Context) error {
	_, err := c.agent.command(ctx, "release", "consumer", c.s.id)
	return err
}

// A Requester is a producer of requests that runs in an agent.
type Requester struct {
	agent *Agent
	id    string
}

// Requester starts a producer of requests to a topic.
func (a *Agent) Requester(ctx context.Context, group, topic string) (*Requester, error) {
	s, err := a.command(ctx, "requester", "group", group, "topic", topic)
	if err != nil {
		return nil, err
	}
	return &Requester{agent: a, id: s.id}, nil
}

// Ask sends request n and fails unless its reply comes within a time, of which the
// error is the client's own. With held the reply waits for Release.
func (r *Requester) Ask(ctx context.Context, n int, timeout time.Duration, held bool) error {
	_, err := r.agent.command(ctx, "ask", "requester", r.id, "n", n, "timeout", timeout.Milliseconds(), "held", held)
	return err
}

// Stop shuts the producer down.
func (r *Requester) Stop(ctx context.Context) error {
	_, err := r.agent.command(ctx, "stop", "consumer", r.id)
	return err
}
