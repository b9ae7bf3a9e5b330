package interop

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/verify"
)

// TestDelayAcrossCrash has clients send at RocketMQ's own first levels, and by times of their
// own, to a broker that is killed when the first have come: all come, once, none of them early.
func TestDelayAcrossCrash(t *testing.T) {
	t.Parallel() // it waits more than it works
	const n, queues, timer = 40, 4, 7
	levels := []int{1, 2, 3, -timer}
	delays := []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, timer * time.Second}
	w := newWorldWith(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"})
	if w.target.Kind == target.ApacheV4 {
		levels[3], delays[3] = 0, 0
	}
	topicOf := func(client *agents.Agent) string { return "Delay_" + dotless(client.Name) }
	for _, client := range w.clients {
		w.topic(t, topicOf(client), queues)
	}
	w.warm(t) // a JVM's first message may take longer than the delays
	sent := make([][]verify.Sent, len(w.clients))
	all := func(send func(i int, client *agents.Agent) error) {
		t.Helper()
		failures := make(chan error, len(w.clients))
		for i, client := range w.clients {
			go func() { failures <- send(i, client) }()
		}
		for range w.clients {
			if err := <-failures; err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx := within(t, 3*time.Minute)
	all(func(i int, client *agents.Agent) (err error) {
		sent[i], err = client.Delay(ctx, "Q_"+topicOf(client), topicOf(client), 0, n, levels...)
		return err
	})
	last := w.clients[len(w.clients)-1]
	eventually(within(t, time.Minute), t, "the first messages", func() error {
		if end, err := w.conn.MaxOffset(t.Context(), topicOf(last), 0); err != nil || end > 0 {
			return err
		}
		return fmt.Errorf("none has come")
	})
	w.target.Kill()
	killed := time.Now().UnixMilli()
	if err := w.target.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	var before atomic.Int64
	for i, client := range w.clients {
		t.Run(client.Name, func(t *testing.T) {
			t.Parallel()
			c, err := client.Push(within(t, time.Minute), agents.Subscription{Group: "C_" + topicOf(client), Topic: topicOf(client), Instance: topicOf(client)})
			if err != nil {
				t.Fatal(err)
			}
			waited := c.Wait(within(t, time.Minute), distinct(n))
			if err := c.Stop(within(t, 30*time.Second)); err != nil {
				t.Error(err)
			}
			r := verify.Deliveries(wantLater(n), placeless(sent[i]), c.Got())
			if err := r.Err(); err != nil || waited != nil || r.Redelivered != 0 && w.target.Kind == target.Pairmq {
				t.Fatalf("%v, %d delivered twice, %v", err, r.Redelivered, waited)
			}
			var most time.Duration
			for _, g := range c.Got() {
				want := delays[g.Index%len(delays)]
				over := time.Duration(g.Stored-g.Born)*time.Millisecond - want
				if over < 0 || over > mostLate {
					t.Errorf("message %d came after %v, want %v", g.Index, over+want, want)
				}
				most = max(most, over)
				if g.Stored < killed {
					before.Add(1)
				}
			}
			t.Logf("%d messages, at most %v late", n, most)
		})
	}
	t.Cleanup(func() { // behind the subtests
		t.Logf("%d messages had come when the broker was killed", before.Load())
		if before.Load() == int64(n*len(w.clients)) {
			t.Error("the crash was not in the middle")
		}
	})
}
