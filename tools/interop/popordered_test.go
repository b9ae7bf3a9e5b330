package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// TestPopOrdered pops one queue in order, over the wire: the Java client of 5.4.0 asks for
// no ordered pop. Its DefaultMQPushConsumerImpl.popMessage passes order=false always,
// RebalancePushImpl has consumers with a MessageListenerOrderly pull whatever mode they are
// set to, and ConsumeMessagePopOrderlyService shows its listener nothing. Who uses it is
// Apache's proxy.
//
// What is not acknowledged in time comes again before what is later, and what is behind it
// as well; the same steps give the same with Apache's broker.
func TestPopOrdered(t *testing.T) {
	t.Parallel() // it waits more than it works
	const topic, group, broker = "PoppedInOrder", "OrderedPoppers", "interop-a"
	const short, long = 3 * time.Second, 10 * time.Minute // longer than Apache's needs for a start on a busy machine
	w := &world{target: startTarget(t, map[string]string{"flushDiskType": "ASYNC_FLUSH"})}
	if w.target.Kind == target.ApacheV4 {
		t.Skip("4.9.7 has no pop")
	}
	w.dir, w.conn = w.target.Dir, dial(t, w.target)
	w.topic(t, topic, 1)
	ctx := within(t, 6*time.Minute)
	for i := range 8 {
		if _, err := w.conn.Send(ctx, wire.Message{Topic: topic, Body: fmt.Append(nil, "m", i)}); err != nil {
			t.Fatal(err)
		}
	}
	pop := func(attempt string, invisible, hold time.Duration, want string) *wire.Popped {
		t.Helper()
		p, err := w.conn.PopOrdered(ctx, group, topic, attempt, 4, invisible, hold)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range p.Records {
			got = append(got, fmt.Sprintf("%s/%d", r.Body, r.ReconsumeTimes))
		}
		if all := strings.Join(got, " "); all != want {
			t.Fatalf("attempt %q pops %q, want %q", attempt, all, want)
		}
		return &p
	}
	ack := func(p *wire.Popped, want int, which ...int) {
		t.Helper()
		for _, i := range which {
			code, err := w.conn.AckOrdered(ctx, group, broker, p, i)
			if err != nil {
				t.Fatal(err)
			}
			if code != want {
				t.Errorf("an acknowledgement of %s answers %d, want %d", p.Records[i].Body, code, want)
			}
		}
	}
	at := func(want int64) {
		t.Helper()
		if got, _, err := w.conn.ConsumerOffset(ctx, group, topic, 0); err != nil || got != want {
			t.Errorf("the group is at %d, want %d: %v", got, want, err)
		}
	}
	void := wire.NoMessage
	if w.target.Kind != target.Pairmq { // which says success, and does nothing
		void = wire.Success
	}

	eventually(ctx, t, "a message", func() error { // Apache's index is not there at once
		end, err := w.conn.MaxOffset(ctx, topic, 0)
		if err == nil && end != 8 {
			err = fmt.Errorf("the queue ends at %d", end)
		}
		return err
	})
	old := pop("a", long, 0, "m0/0 m1/0 m2/0 m3/0")
	pop("b", long, 0, "")
	pop("", long, 0, "")
	began := time.Now()
	first := pop("a", short, 0, "m0/0 m1/0 m2/0 m3/0") // its answer was lost
	ack(old, void, 0)
	at(0)
	ack(first, wire.Success, 0, 2)
	at(1)
	pop("b", long, 0, "")
	second := pop("b", long, 10*time.Second, "m1/1 m2/1 m3/1 m4/0")
	if took := time.Since(began); took < short-100*time.Millisecond || took > short+2*time.Second {
		t.Errorf("they come again after %v, want %v", took, short)
	}
	ack(first, void, 1)
	ack(second, wire.Success, 1, 2, 3)
	at(1)
	began = time.Now()
	if err := w.conn.ChangeOrdered(ctx, group, broker, second, 0, short); err != nil {
		t.Fatal(err)
	}
	third := pop("c", long, 10*time.Second, "m1/2 m2/2 m3/2 m4/1")
	if took := time.Since(began); took < short-100*time.Millisecond || took > short+2*time.Second {
		t.Errorf("a change of the invisible time is over after %v, want %v", took, short)
	}
	at(1)
	began = time.Now()
	next := make(chan *wire.Popped, 1)
	go func() {
		p, err := w.conn.PopOrdered(ctx, group, topic, "d", 4, long, 20*time.Second)
		if err != nil {
			t.Error(err)
		}
		next <- &p
	}()
	eventually(ctx, t, "a held pop", func() error {
		resp, err := w.conn.Do(ctx, wire.NewCommand(wire.PollingInfo, "consumerGroup", group, "topic", topic, "queueId", -1))
		if err == nil && resp.ExtFields["pollingNum"] != "1" {
			err = fmt.Errorf("%s pops are held", resp.ExtFields["pollingNum"])
		}
		return err
	})
	if err := w.conn.AckAllOrdered(ctx, group, broker, third); err != nil {
		t.Fatal(err)
	}
	last := <-next
	if len(last.Records) != 3 || string(last.Records[0].Body) != "m5" || last.Records[0].ReconsumeTimes != 0 {
		t.Fatalf("behind what is acknowledged come %d messages", len(last.Records))
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("an acknowledgement of all wakes a held pop after %v", took)
	}
	at(5)

	// What is in flight is so behind a stop.
	w.conn.Close()
	if err := w.target.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := w.target.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	w.conn = dial(t, w.target)
	pop("e", long, 0, "")
	ack(last, wire.Success, 0)
	at(6)
	last = pop("d", long, 0, "m6/0 m7/0")
	ack(last, wire.Success, 1, 0)
	at(8)
	pop("e", long, 0, "")
}
