package agents

import (
	"context"

	"pairmq/tools/interop/verify"
)

// A Recallable is a producer, in an agent, of messages that wait for a time of their own. 5.x
// alone has it.
type Recallable struct {
	agent *Agent
	s     *stream
}

// Recallable sends messages as Timed does, and keeps what takes them back.
func (a *Agent) Recallable(ctx context.Context, group, topic string, from, to, seconds int) (*Recallable, error) {
	s, err := a.command(ctx, "recallable", "group", group, "topic", topic, "from", from, "to", to, "seconds", seconds)
	if err != nil {
		return nil, err
	}
	return &Recallable{agent: a, s: s}, nil
}

// Sent returns what the client was told about each message.
func (r *Recallable) Sent() []verify.Sent { return r.s.sent }

// Recall takes messages from..to-1 back.
func (r *Recallable) Recall(ctx context.Context, from, to int) error {
	_, err := r.agent.command(ctx, "recall", "producer", r.s.id, "from", from, "to", to)
	return err
}

// Stop shuts the producer down.
func (r *Recallable) Stop(ctx context.Context) error {
	_, err := r.agent.command(ctx, "stop", "consumer", r.s.id)
	return err
}
