package agents

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"pairmq/tools/interop/verify"
)

// Decisions about a transaction.
const (
	Unknown = iota
	Commit
	Rollback
)

// Transactions is a producer of transactions that runs in an agent.
type Transactions struct {
	agent *Agent
	s     *stream
}

// Transact sends messages from..to-1 to a topic as transactions, one by one, and goes on
// answering the broker. Message n is decided by first[n % len(first)] when its half is
// stored, and by then when the broker asks; with hold it is told Unknown until Decide.
func (a *Agent) Transact(ctx context.Context, group, topic string, from, to int, first, then []int, hold bool) (*Transactions, error) {
	return a.transact(ctx, "group", group, "topic", topic, "from", from, "to", to, "first", list(first), "then", list(then), "hold", hold)
}

// TransactImmune is Transact of messages of which the broker is to ask no earlier than after so
// many seconds, all of them then.
func (a *Agent) TransactImmune(ctx context.Context, group, topic string, from, to, seconds, then int) (*Transactions, error) {
	return a.transact(ctx, "group", group, "topic", topic, "from", from, "to", to, "first", Unknown, "then", then, "hold", false, "immunity", seconds)
}

// Undecided is TransactImmune of messages that the producer never knows of.
func (a *Agent) Undecided(ctx context.Context, group, topic string, from, to, immunity int) (*Transactions, error) {
	return a.TransactImmune(ctx, group, topic, from, to, immunity, Unknown)
}

func (a *Agent) transact(ctx context.Context, pairs ...any) (*Transactions, error) {
	s, err := a.command(ctx, "transact", pairs...)
	if err != nil {
		return nil, err
	}
	return &Transactions{agent: a, s: s}, nil
}

// Decide ends the hold.
func (x *Transactions) Decide(ctx context.Context) error {
	_, err := x.agent.command(ctx, "decide", "producer", x.s.id)
	return err
}

// Sent returns what the client was told about each half.
func (x *Transactions) Sent() []verify.Sent {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	return slices.Clone(x.s.sent)
}

// Checked returns how often the broker has asked so far, by message.
func (x *Transactions) Checked() map[int]int {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	return maps.Clone(x.s.checked)
}

// Wait waits until cond holds of how often the broker has asked, by message.
func (x *Transactions) Wait(ctx context.Context, cond func(checked map[int]int) bool) error {
	if err := x.s.wait(ctx, func() bool { return cond(x.s.checked) }); err != nil {
		return fmt.Errorf("agents: %s: after checks of %d messages: %w\n%s", x.agent.Name, len(x.Checked()), err, x.agent.Log())
	}
	return nil
}

// Stop shuts the producer down.
func (x *Transactions) Stop(ctx context.Context) error {
	_, err := x.agent.command(ctx, "stop", "consumer", x.s.id)
	return err
}
