package interop

import (
	"fmt"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
)

// seek has DefaultLitePullConsumer assign itself the queues and go to the
// begin, to the end and to a time.
func seek(t *testing.T, w *world, client *agents.Agent) {
	const queues = 4
	topic := name(t)
	w.topic(t, topic, queues)
	sent, second := twoAges(t, w, topic, queues)
	ctx := within(t, 2*time.Minute)
	consumers := map[string]*agents.Consumer{}
	for _, to := range []string{"begin", "end", fmt.Sprint(second)} {
		group := "C_" + topic + "_" + to
		c, err := client.Lite(ctx, agents.Subscription{Group: group, Topic: topic, Instance: group, Seek: to})
		if err != nil {
			t.Fatal(err)
		}
		consumers[to] = c
	}
	begin, end, byTime := make([]int64, queues), make([]int64, queues), make([]int64, queues)
	for q := range end {
		end[q] = int64(len(sent) / queues)
		byTime[q] = searchOffset(ctx, t, w, topic, q, second)
		if got := consumers[fmt.Sprint(second)].Sought()[int32(q)]; got != byTime[q] {
			t.Errorf("queue %d: offsetForTimestamp is %d, the broker answered %d", q, got, byTime[q])
		}
	}
	sent = append(sent, w.send(t, topic, len(sent), 40, queues)...)
	beginsAt(ctx, t, consumers["begin"], sent, begin)
	beginsAt(ctx, t, consumers["end"], sent, end)
	beginsAt(ctx, t, consumers[fmt.Sprint(second)], sent, byTime)
}

// pull has the pull consumers drain all queues, commit, and go on from there.
func pull(t *testing.T, w *world, client *agents.Agent) {
	const queues = 4
	topic := name(t)
	w.topic(t, topic, queues)
	sent, second := twoAges(t, w, topic, queues)
	sub := agents.Subscription{Group: "C_" + topic, Topic: topic, Queues: queues, Broker: target.BrokerName}
	run := func(from string, due []verify.Sent) map[int32]int64 {
		t.Helper()
		sub.Seek, sub.Instance = from, topic+from+fmt.Sprint(len(sent))
		got, sought, err := client.Pull(within(t, time.Minute), sub)
		if err != nil {
			t.Fatal(err)
		}
		r := verify.Deliveries(wantSmall(len(sent)), due, got)
		if err := r.Err(); err != nil || r.Redelivered != 0 {
			t.Errorf("from %s: %v, %d delivered twice", from, err, r.Redelivered)
		}
		return sought
	}
	run("begin", sent)
	committed(within(t, 10*time.Second), t, w, sub.Group, topic, queues)
	more := w.send(t, topic, len(sent), 100, queues)
	sent = append(sent, more...)
	run("committed", more)
	if !client.Java {
		return
	}
	byTime := map[int32]int64{}
	for q := range queues {
		byTime[int32(q)] = searchOffset(within(t, time.Minute), t, w, topic, q, second)
	}
	var due []verify.Sent
	for _, s := range sent {
		if s.QueueOffset >= byTime[s.QueueID] {
			due = append(due, s)
		}
	}
	if sought := run(fmt.Sprint(second), due); fmt.Sprint(sought) != fmt.Sprint(byTime) {
		t.Errorf("searchOffset is %v, the broker answered %v", sought, byTime)
	}
}
