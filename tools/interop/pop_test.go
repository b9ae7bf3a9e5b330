package interop

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
	"pairmq/tools/interop/wire"
)

// TestPop has two consumers of 5.4.0 pop from a topic that mqadmin has set to be
// popped. The first one wants the last message of each queue later and crashes: the
// second one gets these, and what comes from then on, and nothing a second time.
func TestPop(t *testing.T) {
	t.Parallel() // it waits more than it works
	const queues, half = 4, 40
	w := &world{target: startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"}), peers: map[string]*peers.Peer{}}
	w.dir, w.conn = w.target.Dir, dial(t, w.target)
	p := javaClient(t, w.dir, peers.V5)
	w.peers["java"] = p
	const topic, group = "Popped", "Poppers"
	w.topic(t, topic, queues)
	for _, tt := range []struct{ command, want string }{
		{"updateSubGroup -b " + w.target.Broker + " -g " + group, "create subscription group"},
		{"setConsumeMode -b " + w.target.Broker + " -t " + topic + " -g " + group + " -m POP -q 0", "set consume mode to " + w.target.Broker + " success"},
	} {
		out, err := p.Admin(within(t, 3*time.Minute), w.dir, w.target.Namesrv, strings.Fields(tt.command)...)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, tt.want) || complaint.MatchString(out) {
			t.Fatalf("mqadmin %s: no %q in:\n%s", tt.command, tt.want, out)
		}
	}
	got, err := w.conn.Do(within(t, time.Minute), wire.NewCommand(wire.AllRequestModes))
	if err != nil {
		t.Fatal(err)
	}
	const modes = `{"messageRequestModeMap":{"` + topic + `":{"` + group + `":{"consumerGroup":"` + group + `","mode":"POP","popShareQueueNum":0,"topic":"` + topic + `"}}}}`
	if string(got.Body) != modes {
		t.Errorf("slaves are told %s, want %s", got.Body, modes)
	}
	first, second := w.start(t, "java", "pop-first"), w.start(t, "java", "pop-second") // RocketMQ's binary form has no room for the code of a pop
	later := make([]int, half)
	for i := half - queues; i < half; i++ {
		later[i] = 1
	}
	sub := agents.Subscription{Group: group, Topic: topic, Instance: "first", Pop: 10_000, Later: later}
	a, err := first.Push(within(t, 3*time.Minute), sub)
	if err != nil {
		t.Fatalf("%v\n%s", err, first.Log())
	}
	sent := w.send(t, topic, 0, half, queues)
	if err := a.Wait(within(t, 2*time.Minute), distinct(half)); err != nil {
		t.Fatalf("%v\n%s", err, first.Log())
	}
	if w.target.Kind == target.Pairmq { // an offset of Apache's says what was popped, not what is acknowledged
		eventually(within(t, time.Minute), t, "the first one's acknowledgements", func() error { return popped(w, t, group, topic, queues, half/queues-1) })
	}
	first.Kill()
	sub.Instance, sub.Later = "second", nil
	b, err := second.Push(within(t, 3*time.Minute), sub)
	if err != nil {
		t.Fatalf("%v\n%s", err, second.Log())
	}
	sent = append(sent, w.send(t, topic, half, half, queues)...)
	again := func(got []verify.Got) (n int) {
		for _, g := range got {
			if g.Reconsumed == 1 && g.Index < half {
				n++
			}
		}
		return n
	}
	if err := b.Wait(within(t, 3*time.Minute), func(got []verify.Got) bool {
		return again(got) >= queues && len(indexes(got)) >= half+queues
	}); err != nil {
		t.Fatalf("%d different messages, %d of them for the second time: %v\n%s", len(indexes(b.Got())), again(b.Got()), err, second.Log())
	}
	seen := indexes(a.Got())
	for i := range indexes(b.Got()) {
		seen[i] = true
	}
	if len(seen) != len(sent) {
		t.Errorf("%d of %d messages were consumed", len(seen), len(sent))
	}
	if w.target.Kind == target.Pairmq {
		// A group at the end of all its queues has nothing in flight that could come again.
		retry := "%RETRY%" + group + "_" + topic
		eventually(within(t, time.Minute), t, "nothing in flight", func() error {
			return errors.Join(popped(w, t, group, topic, queues, len(sent)/queues), popped(w, t, group, retry, 1, queues))
		})
		for topic, want := range map[string]int64{topic: int64(len(sent) / queues), retry: queues} {
			if end, err := w.conn.MaxOffset(t.Context(), topic, 0); err != nil || end != want {
				t.Errorf("queue 0 of %s ends at %d, want %d: %v", topic, end, want, err)
			}
		}
		if n := len(a.Got()) + len(b.Got()); n != len(sent)+queues {
			t.Errorf("%d deliveries, want %d and %d again", n, len(sent), queues)
		}
	}
	if err := b.Stop(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
}

// popped fails unless a group's offset is want in each queue.
func popped(w *world, t *testing.T, group, topic string, queues, want int) error {
	for q := range int32(queues) {
		got, _, err := w.conn.ConsumerOffset(t.Context(), group, topic, q)
		if err != nil {
			return err
		}
		if got != int64(want) {
			return fmt.Errorf("queue %d of %s is at %d, want %d", q, topic, got, want)
		}
	}
	return nil
}
