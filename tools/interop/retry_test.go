package interop

import (
	"fmt"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/verify"
)

// How often message n is refused by the consumers of these tests, and how
// often it may come again: those that are refused more often are dead letters.
var refusals = []int{0, 1, 2, 9}

const mostRetries = 2

// retry has a push consumer send messages back: each comes again, as often as
// it was refused, after its delay; then it is a dead letter.
func retry(t *testing.T, w *world, client *agents.Agent) {
	const n = 40
	topic := name(t)
	w.topic(t, topic, 4)
	w.topic(t, "%RETRY%C_"+topic, 1)                  // clients look for one that is made later after half a minute only
	next := []int{1, 1, 1, 1, 2, 2, 2, 2, 1, 0, 1, 1} // 0 is the broker's choice: level 3, then 4, ...
	sub := agents.Subscription{Group: "C_" + topic, Topic: topic, Instance: topic, Later: refusals, Next: next, Most: mostRetries}
	c, err := client.Push(within(t, time.Minute), sub)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Delay(within(t, time.Minute), "P_"+topic, topic, 0, n, 0); err != nil {
		t.Fatal(err)
	}
	deliveries := 0
	for i := range n {
		deliveries += 1 + min(refusals[i%len(refusals)], mostRetries)
	}
	waited := c.Wait(within(t, time.Minute), func(got []verify.Got) bool { return len(got) >= deliveries })
	dead := deadLetters(t, w, client, sub, n)
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	if len(c.Got()) != deliveries || waited != nil {
		t.Errorf("%d deliveries, want %d: %v", len(c.Got()), deliveries, waited)
	}
	var most time.Duration
	for i, times := range byIndex(c.Got()) {
		if want := 1 + min(refusals[i%len(refusals)], mostRetries); len(times) != want {
			t.Errorf("message %d came %d times, want %d", i, len(times), want)
		}
		for k, g := range times {
			if err := sameLater(g, topic); err != nil {
				t.Error(err)
			}
			if int(g.Reconsumed) != k {
				t.Errorf("message %d came for the %d. time with %d reconsume times", i, k+1, g.Reconsumed)
			}
			if k == 0 {
				continue
			}
			level := next[i%len(next)]
			if level == 0 {
				level = 3 + k - 1
			}
			took := time.Duration(g.Stored)*time.Millisecond - time.Duration(times[k-1].Micros/1000)*time.Millisecond
			if over := took - delayOf(level); over < 0 || over > mostLate {
				t.Errorf("message %d, sent back at level %d, came again after %v, want %v", i, level, took, delayOf(level))
			} else {
				most = max(most, over)
			}
		}
	}
	t.Logf("%d messages, %d deliveries, at most %v late, %d dead letters", n, len(c.Got()), most, dead)
}

// deadLetters has a consumer read a group's dead letters: of n messages those
// that were refused too often, once. It returns how many.
func deadLetters(t *testing.T, w *world, client *agents.Agent, sub agents.Subscription, n int) int {
	t.Helper()
	topic := "%DLQ%" + sub.Group
	w.routed(within(t, time.Minute), t, topic)
	c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: "D_" + sub.Group, Topic: topic, Instance: "dead-" + sub.Instance})
	if err != nil {
		t.Fatal(err)
	}
	var want int
	for i := range n {
		if refusals[i%len(refusals)] > mostRetries {
			want++
		}
	}
	waited := c.Wait(within(t, time.Minute), distinct(want))
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	if len(c.Got()) != want || waited != nil {
		t.Errorf("%d dead letters came, want %d: %v", len(c.Got()), want, waited)
	}
	for _, g := range c.Got() {
		if err := sameLater(g, topic); err != nil {
			t.Error(err)
		}
		if g.Index < 0 || refusals[g.Index%len(refusals)] <= mostRetries {
			t.Errorf("message %d is a dead letter", g.Index)
		}
		if g.Properties["RETRY_TOPIC"] != sub.Topic {
			t.Errorf("dead letter %d says that it comes from %q", g.Index, g.Properties["RETRY_TOPIC"])
		}
	}
	return len(c.Got())
}

// sameLater complains about a delivery of a message that is not what was sent.
func sameLater(g verify.Got, topic string) error {
	if g.Index < 0 || g.Topic != topic {
		return fmt.Errorf("message %d came from topic %s, want %s", g.Index, g.Topic, topic)
	}
	one := []verify.Sent{{Index: g.Index, QueueOffset: verify.NoOffset}}
	return verify.Deliveries(wantLater(g.Index+1), one, []verify.Got{g}).Err()
}

// retryOrdered has an ordered consumer suspend its queues: what is behind a
// message waits until it is through, or a dead letter.
func retryOrdered(t *testing.T, w *world, client *agents.Agent) {
	const n = 40
	topic := name(t)
	w.topic(t, topic, 4)
	sub := agents.Subscription{Group: "C_" + topic, Topic: topic, Ordered: true, Instance: topic, Later: refusals, Most: mostRetries}
	c, err := client.Push(within(t, time.Minute), sub)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := client.Delay(within(t, time.Minute), "P_"+topic, topic, 0, n, 0)
	if err != nil {
		t.Fatal(err)
	}
	waited := c.Wait(within(t, time.Minute), distinct(n))
	dead := deadLetters(t, w, client, sub, n)
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	r := verify.Deliveries(wantLater(n), sent, c.Got())
	if err := r.Err(); err != nil || waited != nil {
		t.Fatalf("%v, %v", err, waited)
	}
	again, err := verify.Order(c.Got())
	if err != nil {
		t.Error(err)
	}
	for i, times := range byIndex(c.Got()) {
		want := 1 + min(refusals[i%len(refusals)], mostRetries)
		if !client.Java && refusals[i%len(refusals)] > mostRetries {
			want++ // rocketmq-client-go gives up one later
		}
		if len(times) != want {
			t.Errorf("message %d came %d times, want %d", i, len(times), want)
		}
		for k, g := range times {
			if int(g.Reconsumed) != k {
				t.Errorf("message %d came for the %d. time with %d reconsume times", i, k+1, g.Reconsumed)
			}
		}
	}
	t.Logf("%d messages, %d of them suspended deliveries, %d dead letters", n, again, dead)
}
