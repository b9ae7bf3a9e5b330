package interop

import (
	"strconv"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
)

// laterEach is how many messages of each kind are sent by each client.
const laterEach = 12

// laterPair has each client send what is not consumed at once: messages that are delayed,
// that its consumer sends back, and of transactions that are open when the master dies.
type laterPair struct {
	*failover
	all []*later
}

// A later is what one client has waiting.
type later struct {
	client              *agents.Agent
	delayed, transacted string // topics
	back                agents.Subscription
	sent, halves        []verify.Sent
	consumer            *agents.Consumer // who sends back
	producer            *agents.Transactions
}

// laterLevel is the delay level of 20 s, and a span of as much.
const (
	laterLevel   = 2
	laterSeconds = 20
)

func (l *laterPair) before(t *testing.T) {
	for _, client := range l.clients {
		id := dotless(client.Name)
		x := &later{client: client, delayed: "Delayed_" + id, transacted: "Transacted_" + id}
		x.back = agents.Subscription{Group: "C_Back_" + id, Topic: "Back_" + id, Instance: "back", Later: refusals, Next: []int{laterLevel}, Most: mostRetries}
		for _, topic := range []string{x.delayed, x.transacted, x.back.Topic} {
			l.topic(t, topic, 4)
		}
		l.topic(t, "%RETRY%"+x.back.Group, 1)
		l.all = append(l.all, x)
	}
	ctx := within(t, 2*time.Minute)
	for _, x := range l.all {
		var err error
		if x.consumer, err = x.client.Push(ctx, x.back); err != nil {
			t.Fatal(err)
		}
		if x.producer, err = x.client.Transact(ctx, "P_"+x.transacted, x.transacted, 0, laterEach, allAsked.first, allAsked.then, true); err != nil {
			t.Fatal(err)
		}
		x.halves = allAsked.commits(x.producer.Sent())
	}
	for _, x := range l.all {
		if _, err := x.client.Delay(ctx, "P_"+x.back.Topic, x.back.Topic, 0, laterEach, 0); err != nil {
			t.Fatal(err)
		}
		sent, err := x.client.Delay(ctx, "P_"+x.delayed, x.delayed, 0, laterEach, laterLevel)
		if err != nil {
			t.Fatal(err)
		}
		x.sent = placeless(sent)
		if x.client.Name == "java-5.4.0" {
			if sent, err = x.client.Timed(ctx, "P_"+x.delayed, x.delayed, laterEach, 2*laterEach, laterSeconds, false); err != nil {
				t.Fatal(err)
			}
			x.sent = append(x.sent, placeless(sent)...)
		}
	}
	for _, x := range l.all {
		if err := x.consumer.Wait(ctx, distinct(laterEach)); err != nil {
			t.Fatalf("%s: %v", x.client.Name, err)
		}
	}
}

// waiting logs how much waits: on a busy machine some of it may have come already.
func (l *laterPair) waiting(t *testing.T) {
	t.Helper()
	for _, x := range l.all {
		came := 0
		for q := range int32(4) {
			end, err := l.conn.MaxOffset(within(t, 20*time.Second), x.delayed, q)
			if err != nil {
				t.Fatal(err)
			}
			came += int(end)
		}
		l.logf(t, "%s: %d of %d delayed messages have come, and %d deliveries of %d messages that are sent back", x.client.Name, came, len(x.sent), x.consumer.Delivered(), laterEach)
	}
}

// after has each client get all of it from the new master: what was delayed once and not
// too early, what was sent back as often as it was, with its count, and then among the dead
// letters, and what is committed now.
func (l *laterPair) after(t *testing.T) {
	for _, x := range l.all {
		if err := x.producer.Decide(within(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range l.all {
		for _, g := range l.onceFrom(t, x.client, x.delayed, x.sent) {
			due := g.Born + (laterSeconds * time.Second).Milliseconds()
			if at, err := strconv.ParseInt(g.Properties["TIMER_DELIVER_MS"], 10, 64); err == nil {
				due = at // which the client has reckoned before the message was born
			}
			if g.Stored < due {
				t.Errorf("%s: message %d was delivered %d ms early", x.client.Name, g.Index, due-g.Stored)
			}
		}
		l.backAgain(t, x.client, x.consumer, x.back)
		l.onceFrom(t, x.client, x.transacted, x.halves)
		if err := x.producer.Stop(within(t, 30*time.Second)); err != nil {
			t.Error(err)
		}
	}
}

// onceFrom has a client consume a topic, which has just what was sent, once.
func (f *failover) onceFrom(t *testing.T, client *agents.Agent, topic string, sent []verify.Sent) []verify.Got {
	t.Helper()
	c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: "C_" + topic, Topic: topic, Instance: topic})
	if err != nil {
		t.Fatal(err)
	}
	waited := c.Wait(within(t, transactionTime), distinct(len(sent)))
	if waited == nil {
		f.noted(t, "C_"+topic, topic, 4)
	}
	if err := c.Stop(within(t, 30*time.Second)); err != nil || waited != nil {
		t.Errorf("%s: %v, %v", client.Name, waited, err)
	}
	if r := verify.Deliveries(wantLater(2*laterEach), sent, c.Got()); r.Err() != nil || r.Redelivered != 0 {
		t.Errorf("%s, %s: %v, %d delivered twice", client.Name, topic, r.Err(), r.Redelivered)
	}
	f.reconnect(t) // what idles for two minutes is closed
	if err := f.has(t, topic, 4, len(sent)); err != nil {
		t.Error(err)
	}
	return c.Got()
}

// backAgain waits for all that a consumer has sent back of laterEach messages, for dead letters
// after that, and stops it. It returns how many of these there are.
func (f *failover) backAgain(t *testing.T, client *agents.Agent, c *agents.Consumer, sub agents.Subscription) int {
	t.Helper()
	deliveries := 0
	for i := range laterEach {
		deliveries += 1 + min(refusals[i%len(refusals)], mostRetries)
	}
	waited := c.Wait(within(t, transactionTime), func(got []verify.Got) bool { return len(got) >= deliveries })
	dead := deadLetters(t, f.world, client, sub, laterEach)
	if waited == nil {
		f.noted(t, sub.Group, sub.Topic, 4)
	}
	if err := c.Stop(within(t, 30*time.Second)); err != nil || waited != nil {
		t.Errorf("%s: %v, %v", client.Name, waited, err)
	}
	for i, times := range byIndex(c.Got()) {
		if want := 1 + min(refusals[i%len(refusals)], mostRetries); len(times) != want {
			t.Errorf("%s: message %d came %d times, want %d", client.Name, i, len(times), want)
		}
		for k, g := range times {
			if int(g.Reconsumed) != k {
				t.Errorf("%s: message %d came for the %d. time with %d reconsume times", client.Name, i, k+1, g.Reconsumed)
			}
		}
	}
	f.logf(t, "%s: %d deliveries of what was sent back, %d dead letters", client.Name, len(c.Got()), dead)
	return dead
}
