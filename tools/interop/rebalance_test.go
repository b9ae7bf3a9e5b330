package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
)

const rebalanceQueues = 8

// rebalanceLate is how long a member may go on with a queue after somebody came or went: it looks
// after that every 20 s if nothing tells it to.
const rebalanceLate = 25 * time.Second

// rebalance watches one consumer own all queues, share them with a second one
// that joins, own all again when that leaves, and again after it has crashed.
func rebalance(t *testing.T, w *world, client *agents.Agent) {
	topic := name(t)
	w.topic(t, topic, rebalanceQueues)
	p := &probe{t: t, w: w, topic: topic, group: "C_" + topic}
	sub := agents.Subscription{Group: p.group, Topic: topic}
	stayer := p.join(client, sub)
	p.until(rebalanceQueues)

	other := w.second(t, client)
	leaver := p.join(other, sub)
	p.until(rebalanceQueues/2, rebalanceQueues/2)
	left := p.mark()
	if err := leaver.Stop(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	left()
	p.until(rebalanceQueues, 0)

	p.join(other, sub)
	p.until(rebalanceQueues/2, 0, rebalanceQueues/2)
	gone := p.mark()
	other.Kill()
	gone()
	p.until(rebalanceQueues, 0, 0)
	if err := stayer.Stop(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}

	var all []verify.Got
	var lives []*verify.Life
	for i, c := range p.members {
		lives = append(lives, &verify.Life{Client: fmt.Sprint("member ", i), Got: c.Got()})
		all = append(all, c.Got()...)
	}
	r := verify.Deliveries(wantSmall(len(p.sent)), p.sent, all)
	again, err := verify.Repeats(lives, p.marks, rebalanceLate)
	if err := errors.Join(r.Err(), err); err != nil {
		t.Error(err)
	}
	t.Logf("%d messages, %d delivered again while queues changed hands", len(p.sent), again)
}

// A probe sends one message to each queue, round after round, to see which
// member of a group owns which queue.
type probe struct {
	t       *testing.T
	w       *world
	topic   string
	group   string
	members []*agents.Consumer
	marks   []verify.Mark // just before somebody came or went
	sent    []verify.Sent
}

// mark notes how far the group is, and that somebody comes or goes until the function that it
// returns is called.
func (p *probe) mark() (end func()) {
	p.t.Helper()
	p.marks = append(p.marks, markOf(p.t, p.w, p.group, p.topic, rebalanceQueues))
	return func() { p.marks[len(p.marks)-1].Until = time.Now().UnixMicro() }
}

func (p *probe) join(a *agents.Agent, sub agents.Subscription) *agents.Consumer {
	p.t.Helper()
	defer p.mark()()
	sub.Instance = fmt.Sprintf("%s-%d", p.topic, len(p.members))
	c, err := a.Push(within(p.t, time.Minute), sub)
	if err != nil {
		p.t.Fatal(err)
	}
	p.members = append(p.members, c)
	return c
}

// until sends rounds until the members own these numbers of queues.
func (p *probe) until(want ...int) {
	p.t.Helper()
	ctx := within(p.t, time.Minute)
	begin := time.Now()
	for {
		owned := p.round(ctx)
		if fmt.Sprint(owned) == fmt.Sprint(want) {
			p.t.Logf("queues are owned %v after %v", owned, time.Since(begin).Round(time.Millisecond))
			return
		}
		if ctx.Err() != nil {
			p.t.Fatalf("queues are owned %v, want %v", owned, want)
		}
	}
}

// round sends one message to each queue and returns how many of them each
// member got first.
func (p *probe) round(ctx context.Context) []int {
	p.t.Helper()
	first := len(p.sent)
	p.sent = append(p.sent, p.w.send(p.t, p.topic, first, rebalanceQueues, rebalanceQueues)...)
	owned := make([]int, len(p.members))
	eventually(ctx, p.t, "all messages of a round", func() error {
		clear(owned)
		seen := map[int]bool{}
		for i, c := range p.members {
			for _, g := range c.Got() {
				if g.Index >= first && !seen[g.Index] {
					seen[g.Index] = true
					owned[i]++
				}
			}
		}
		if len(seen) < rebalanceQueues {
			return fmt.Errorf("%d of %d came", len(seen), rebalanceQueues)
		}
		return nil
	})
	return owned
}
