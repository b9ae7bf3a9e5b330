package interop

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// wantSmall is what world.send's first n messages look like.
func wantSmall(n int) []verify.Want {
	all := make([]verify.Want, n)
	for i := range all {
		body := fmt.Sprintf("body %d", i)
		all[i] = verify.Want{Length: len(body), CRC: crc32.ChecksumIEEE([]byte(body)), User: map[string]string{"n": fmt.Sprint(i)}}
	}
	return all
}

// twoAges sends 100 messages, waits for a whole second of the wall clock, and
// sends 100 more. It returns the account and the second, in ms, between them.
func twoAges(t *testing.T, w *world, topic string, queues int) ([]verify.Sent, int64) {
	t.Helper()
	sent := w.send(t, topic, 0, 100, queues)
	second := time.Now().Truncate(time.Second).Add(2 * time.Second)
	eventually(within(t, 10*time.Second), t, "the next second", func() error {
		if now := time.Now(); now.Before(second.Add(100 * time.Millisecond)) {
			return fmt.Errorf("it is %v", now)
		}
		return nil
	})
	return append(sent, w.send(t, topic, 100, 100, queues)...), second.UnixMilli()
}

// startOffsets has new groups begin at the first message, at a time and at the
// end. RocketMQ's broker answers 0 for a new group on a young topic, whatever
// the group wants, or else that it knows nothing and the client may choose.
func startOffsets(t *testing.T, w *world, client *agents.Agent) {
	const queues = 4
	topic := name(t)
	w.topic(t, topic, queues)
	sent, second := twoAges(t, w, topic, queues)
	ctx := within(t, 2*time.Minute)
	_, young, err := w.conn.ConsumerOffset(ctx, "N_"+topic, topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the broker begins new groups on young topics at 0: %v", young)
	byTime := make([]int64, queues)
	if !young {
		for q := range byTime {
			byTime[q] = searchOffset(ctx, t, w, topic, q, second)
		}
	}
	consumers := map[string]*agents.Consumer{}
	for _, where := range []string{"FIRST", "TIMESTAMP", "LAST"} {
		group := "C_" + topic + "_" + where
		c, err := client.Push(ctx, agents.Subscription{Group: group, Topic: topic, Where: where, Timestamp: second, Instance: group})
		if err != nil {
			t.Fatal(err)
		}
		consumers[where] = c
	}
	old := len(sent)
	eventually(ctx, t, "a new message in each queue at the group that begins at the end", func() error {
		sent = append(sent, w.send(t, topic, len(sent), queues, queues)...)
		for q := range int32(queues) {
			if !slices.ContainsFunc(consumers["LAST"].Got(), func(g verify.Got) bool { return g.QueueID == q && g.Index >= old }) {
				return fmt.Errorf("none in queue %d", q)
			}
		}
		return nil
	})
	beginsAt(ctx, t, consumers["FIRST"], sent, make([]int64, queues))
	beginsAt(ctx, t, consumers["TIMESTAMP"], sent, byTime)
	last := make([]int64, queues)
	if !young { // where it began, which is after all old messages
		for q := range last {
			last[q] = int64(len(sent))
			for _, g := range consumers["LAST"].Got() {
				if int(g.QueueID) == q {
					last[q] = min(last[q], g.QueueOffset)
				}
			}
			if last[q] < int64(old/queues) {
				t.Errorf("queue %d: the group that begins at the end began at %d of %d old messages", q, last[q], old/queues)
			}
		}
	}
	beginsAt(ctx, t, consumers["LAST"], sent, last)
}

// beginsAt checks that a consumer gets everything from these offsets on, by
// queue, once, and nothing before.
func beginsAt(ctx context.Context, t *testing.T, c *agents.Consumer, sent []verify.Sent, from []int64) {
	t.Helper()
	var due []verify.Sent
	for _, s := range sent {
		if s.QueueOffset >= from[s.QueueID] {
			due = append(due, s)
		}
	}
	waited := c.Wait(ctx, distinct(len(due)))
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
	r := verify.Deliveries(wantSmall(len(sent)), due, c.Got())
	if err := r.Err(); err != nil || r.Redelivered != 0 || waited != nil {
		t.Errorf("a consumer that begins at %v: %v, %d delivered twice, %v", from, err, r.Redelivered, waited)
	}
}

// searchOffset asks the broker for the offset at a time and checks the answer
// by the messages' own store times.
func searchOffset(ctx context.Context, t *testing.T, w *world, topic string, queue int, ms int64) int64 {
	t.Helper()
	resp, err := w.conn.Do(ctx, wire.NewCommand(wire.SearchOffset, "topic", topic, "queueId", queue, "timestamp", ms))
	if err != nil {
		t.Fatal(err)
	}
	offset, err := resp.Int64("offset")
	if err != nil {
		t.Fatal(err)
	}
	records, err := w.conn.PullAll(ctx, topic, int32(queue), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := int64(slices.IndexFunc(records, func(r wire.Record) bool { return r.StoreTimestamp >= ms }))
	if offset != want && (w.target.Kind != target.ApacheV4 || offset != want-1) { // 4.x answers with the nearest, either side
		t.Errorf("queue %d: offset at %d is %d, want %d", queue, ms, offset, want)
	}
	return offset
}

// restart stops a push consumer and starts it again: nothing comes twice.
func restart(t *testing.T, w *world, client *agents.Agent) {
	resumes(t, w, client.Push)
}

// reset sends a running push consumer back to the beginning: it gets everything
// once more, and goes on from there when it is started again.
func reset(t *testing.T, w *world, client *agents.Agent) {
	if w.target.Kind == target.ApacheV4 {
		t.Skip("4.x asks consumers to reset themselves, which takes tools that try again")
	}
	const queues, n = 4, 200
	topic := name(t)
	w.topic(t, topic, queues)
	sent := w.send(t, topic, 0, n, queues)
	sub := agents.Subscription{Group: "C_" + topic, Topic: topic, Instance: topic + "-0"}
	c, err := client.Push(within(t, time.Minute), sub)
	if err != nil {
		t.Fatal(err)
	}
	waited := c.Wait(within(t, time.Minute), distinct(n))
	committed(within(t, 30*time.Second), t, w, sub.Group, topic, queues)
	ctx := within(t, 2*time.Minute)
	if _, err := w.conn.Do(ctx, wire.NewCommand(wire.ResetOffset, "group", sub.Group, "topic", topic, "timestamp", 1, "isForce", true)); err != nil {
		t.Fatal(err)
	}
	waited = errors.Join(waited, c.Wait(ctx, func(got []verify.Got) bool {
		times := make([]int, n)
		for _, g := range got {
			times[g.Index]++
		}
		return slices.Min(times) >= 2
	}))
	committed(within(t, 30*time.Second), t, w, sub.Group, topic, queues)
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	r := verify.Deliveries(wantSmall(n), sent, c.Got())
	if err := r.Err(); err != nil || r.Redelivered != n || waited != nil {
		t.Fatalf("reset: %v, %d delivered twice, want %d; %v", err, r.Redelivered, n, waited)
	}
	more := w.send(t, topic, n, n, queues)
	sub.Instance = topic + "-1"
	if c, err = client.Push(within(t, time.Minute), sub); err != nil {
		t.Fatal(err)
	}
	waited = c.Wait(within(t, time.Minute), distinct(n))
	if err := c.Stop(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	r = verify.Deliveries(wantSmall(2*n), more, c.Got())
	if err := r.Err(); err != nil || r.Redelivered != 0 || waited != nil {
		t.Fatalf("started again: %v, %d delivered twice, %v", err, r.Redelivered, waited)
	}
}

// poll restarts a consumer that polls.
func poll(t *testing.T, w *world, client *agents.Agent) {
	resumes(t, w, client.Lite)
}

func resumes(t *testing.T, w *world, start func(context.Context, agents.Subscription) (*agents.Consumer, error)) {
	const queues, n = 4, 200
	topic := name(t)
	w.topic(t, topic, queues)
	sub := agents.Subscription{Group: "C_" + topic, Topic: topic}
	var all []verify.Sent
	for life := range 3 {
		sent := w.send(t, topic, len(all), n, queues)
		all = append(all, sent...)
		sub.Instance = fmt.Sprintf("%s-%d", topic, life)
		c, err := start(within(t, time.Minute), sub)
		if err != nil {
			t.Fatal(err)
		}
		waited := c.Wait(within(t, time.Minute), distinct(n))
		if err := c.Stop(within(t, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
		r := verify.Deliveries(wantSmall(len(all)), sent, c.Got())
		if err := r.Err(); err != nil || r.Redelivered != 0 || waited != nil {
			t.Fatalf("life %d: %v, %d delivered twice, %v", life, err, r.Redelivered, waited)
		}
		committed(within(t, 10*time.Second), t, w, sub.Group, topic, queues)
	}
}
