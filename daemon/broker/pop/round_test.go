package pop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store"
	"pairmq/store/record"
)

// A hooked store does something behind each read of a pop.
type hooked struct {
	*store.Store
	behind func()
}

func (h hooked) GetWithin(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter, room store.Room) (store.Result, error) {
	res, err := h.Store.GetWithin(topic, queueID, offset, maxMsgs, maxBytes, f, room)
	h.behind()
	return res, err
}

// TestChangedWhileARoundIsRead: what is acknowledged, or hidden for longer, while a pop
// reads it again is not popped.
func TestChangedWhileARoundIsRead(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		for n := range 6 { // three in queue 0
			if err := r.put(n); err != nil {
				t.Fatal(err)
			}
		}
		behind := func() {}
		o := r.s.o
		o.Store = hooked{r.st, func() { behind() }}
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		pop := func(max int, invisible int64) Popped {
			t.Helper()
			p, err := s.Pop(&Request{Group: "H", Topic: "T", Queues: 2, QueueID: 0, Max: max, Invisible: invisible, Ordered: true})
			if err != nil {
				t.Fatal(err)
			}
			if p.Topic != "" {
				p.Result.Release()
			}
			return p
		}
		handle := func(p Popped) Handle { return Handle{PopTime: p.PopTime, Revive: OrderedRevive} }
		first := pop(2, 0) // over at once
		behind = func() {
			behind = func() {}
			if got := s.Ack("H", "T", 0, 0, handle(first)); got != Done {
				t.Errorf("an acknowledgement is %d", got)
			}
		}
		second := pop(2, 0)
		if len(second.Offsets) != 2 || second.Offsets[0] != 1 || second.Counts[0] != 1 {
			t.Errorf("popped %d, %d times before, want 1 and 2", second.Offsets, second.Counts)
		}
		behind = func() {
			behind = func() {}
			if _, got := s.Change("H", "T", 0, 2, handle(second), 60_000); got != Done {
				t.Errorf("a change is %d", got)
			}
		}
		if p := pop(2, 0); p.Topic != "" {
			t.Errorf("popped %d, which is hidden by now", p.Offsets)
		}
		r.mustStop()
	})
}

// A tagged passes messages with one tag.
type tagged string

func (f tagged) Match(tagsCode int64) bool { return tagsCode == record.TagsCode(string(f)) }

// TestRoundThatAnOffsetPasses: where somebody else has committed an offset behind a round,
// the group goes on there, and not behind what the round's filter has let through to nobody.
func TestRoundThatAnOffsetPasses(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		for _, tag := range []string{"a", "b", "b", "b"} {
			done := make(chan error, 1)
			if err := r.st.Put([]record.Message{{Topic: "T", Properties: "TAGS\x01" + tag}}, func(err error) { done <- err }); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		pop := func(f tagged) []int64 {
			t.Helper()
			p, err := r.s.Pop(&Request{Group: "G", Topic: "T", Queues: 1, Max: 8, Invisible: 60_000, Ordered: true, Filter: f})
			if err != nil {
				t.Fatal(err)
			}
			if p.Topic != "" {
				p.Result.Release()
			}
			return p.Offsets
		}
		if got := pop("a"); len(got) != 1 {
			t.Fatalf("popped %d, want the first", got)
		}
		r.st.CommitOffset("G", "T", 0, 1)
		if got := pop("b"); len(got) != 3 || got[0] != 1 {
			t.Errorf("popped %d, want 1 to 3", got)
		}
		r.mustStop()
	})
}

// TestIdleRoundsMakeRoom: what consumers left that went away takes no room from others once
// it is visible again, and is not lost.
func TestIdleRoundsMakeRoom(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		for n := range 40 {
			if err := r.put(n); err != nil {
				t.Fatal(err)
			}
		}
		o := r.s.o
		o.Flights = 10
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		pop := func(group string, queueID int32, ordered bool) ([]int64, error) {
			p, err := s.Pop(&Request{Group: group, Topic: "T", Queues: 2, QueueID: queueID, Max: 5, Invisible: 1000, Ordered: ordered})
			if p.Topic != "" {
				p.Result.Release()
			}
			return p.Offsets, err
		}
		for id := range int32(2) {
			if got, err := pop("gone", id, true); err != nil || len(got) != 5 {
				t.Fatalf("popped %d, %v", got, err)
			}
		}
		if got, err := pop("G", 0, false); !errors.Is(err, ErrBusy) {
			t.Errorf("popped %d, %v, want ErrBusy", got, err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, ordered := range []bool{false, true} {
			if got, err := pop("G", 0, ordered); err != nil || len(got) == 0 && !ordered {
				t.Errorf("in order=%v popped %d, %v", ordered, got, err)
			}
		}
		s.mu.Lock()
		if s.count != 5 || s.idle != 0 || len(s.agenda) != 5 {
			t.Errorf("%d messages, %d of them idle, and %d alarms are left, want 5, 0 and 5", s.count, s.idle, len(s.agenda))
		}
		s.mu.Unlock()
		if got, err := pop("gone", 1, true); err != nil || len(got) != 5 || got[0] != 0 {
			t.Errorf("what was left: popped %d, %v", got, err)
		}
		cancel()
		<-ended
		r.mustStop()
	})
}
