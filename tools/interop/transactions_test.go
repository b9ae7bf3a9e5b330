package interop

import (
	"fmt"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/verify"
)

// A plan is what becomes of message n: first[n % len(first)] when its half is stored,
// then[n % len(then)] when the broker asks.
type plan struct{ first, then []int }

// Some are decided at once and others when the broker asks, or all of them then.
var (
	someAtOnce = plan{[]int{agents.Commit, agents.Rollback, agents.Unknown, agents.Unknown}, []int{agents.Unknown, agents.Unknown, agents.Commit, agents.Rollback}}
	allAsked   = plan{[]int{agents.Unknown}, []int{agents.Commit, agents.Rollback}}
)

// commits are the messages that are committed of those sent.
func (p plan) commits(sent []verify.Sent) (all []verify.Sent) {
	for _, s := range placeless(sent) {
		if p.first[s.Index%len(p.first)] == agents.Commit || p.then[s.Index%len(p.then)] == agents.Commit {
			all = append(all, s)
		}
	}
	return all
}

// asked is met once the broker has asked so often for each message that is not decided
// at once.
func (p plan) asked(from, to, times int) func(map[int]int) bool {
	return func(checked map[int]int) bool {
		for n := from; n < to; n++ {
			if p.first[n%len(p.first)] == agents.Unknown && checked[n] < times {
				return false
			}
		}
		return true
	}
}

// ofEach is how many messages are sent in each part of these tests.
const ofEach = 40

// transactionKeys have brokers ask every second, from 6 s on, RocketMQ's default. 5.x writes
// what was decided some time later, 3 s by default, and asks for what it knows if it asks
// earlier: its configuration here has 0.2 s.
func transactionKeys() map[string]string {
	return map[string]string{"flushDiskType": "ASYNC_FLUSH", "transactionCheckInterval": fmt.Sprint(pair.CheckInterval), "transactionCheckMax": "1000"}
}

// transactionTime bounds a wait for checks: rocketmq-client-go shows itself to a broker
// that was restarted after half a minute.
const transactionTime = 2 * time.Minute

// TestTransactions has producers commit, roll back, and not know until the broker asks,
// also after it was killed: consumers get what was committed, once.
func TestTransactions(t *testing.T) {
	t.Parallel() // it waits more than it works
	w := newWorldWith(t, transactionKeys())
	type part struct {
		topic  string
		client *agents.Agent
		asked  *agents.Transactions
		sent   []verify.Sent
	}
	var parts []*part
	for _, client := range w.clients {
		p := &part{topic: "T_" + dotless(client.Name), client: client}
		parts = append(parts, p)
		w.topic(t, p.topic, 4)
		c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: "C_" + p.topic, Topic: p.topic, Instance: p.topic})
		if err != nil {
			t.Fatal(err)
		}
		x, err := client.Transact(within(t, time.Minute), "P_"+p.topic, p.topic, 0, ofEach, someAtOnce.first, someAtOnce.then, false)
		if err != nil {
			t.Fatal(err)
		}
		p.sent = someAtOnce.commits(x.Sent())
		if err := x.Wait(within(t, transactionTime), someAtOnce.asked(0, ofEach, 1)); err != nil {
			t.Error(err)
		}
		waited := c.Wait(within(t, time.Minute), distinct(len(p.sent)))
		if err := c.Stop(within(t, 30*time.Second)); err != nil || waited != nil {
			t.Errorf("%s: %v, %v", client.Name, waited, err)
		}
		if err := x.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
		onceEach(t, client.Name, p.sent, c.Got())
	}
	for _, p := range parts {
		var err error
		if p.asked, err = p.client.Transact(within(t, time.Minute), "Q_"+p.topic, p.topic, ofEach, 2*ofEach, allAsked.first, allAsked.then, true); err != nil {
			t.Fatal(err)
		}
		p.sent = append(p.sent, allAsked.commits(p.asked.Sent())...)
	}
	w.target.Kill()
	if err := w.target.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.conn = dial(t, w.target)
	for _, p := range parts {
		if err := p.asked.Decide(within(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range parts {
		if err := p.asked.Wait(within(t, transactionTime), allAsked.asked(ofEach, 2*ofEach, 1)); err != nil {
			t.Error(err)
		}
		c, err := p.client.Push(within(t, time.Minute), agents.Subscription{Group: "D_" + p.topic, Topic: p.topic, Instance: "again-" + p.topic})
		if err != nil {
			t.Fatal(err)
		}
		waited := c.Wait(within(t, time.Minute), distinct(len(p.sent)))
		if err := c.Stop(within(t, 30*time.Second)); err != nil || waited != nil {
			t.Errorf("%s: %v, %v", p.client.Name, waited, err)
		}
		onceEach(t, p.client.Name+" after the restart", p.sent, c.Got())
		if err := w.has(t, p.topic, 4, len(p.sent)); err != nil {
			t.Error(err)
		}
		if err := p.asked.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
	}
}

// onceEach complains unless exactly the messages that were committed have come, once.
func onceEach(t *testing.T, who string, sent []verify.Sent, got []verify.Got) {
	t.Helper()
	r := verify.Deliveries(wantLater(2*ofEach), sent, got)
	if err := r.Err(); err != nil || r.Redelivered != 0 {
		t.Errorf("%s: %v, %d delivered twice", who, err, r.Redelivered)
	}
}

// has fails unless a topic has so many messages.
func (w *world) has(t *testing.T, topic string, queues int32, want int) error {
	t.Helper()
	n := 0
	for q := range queues {
		end, err := w.conn.MaxOffset(within(t, 20*time.Second), topic, q)
		if err != nil {
			return err
		}
		n += int(end)
	}
	if n != want {
		return fmt.Errorf("topic %s has %d messages, want %d", topic, n, want)
	}
	return nil
}
