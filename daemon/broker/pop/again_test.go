package pop

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store/record"
	"pairmq/store/table"
)

// TestPropertiesWithoutRoomComeAgain: what a message gets when it comes again does not
// keep it from coming.
func TestPropertiesWithoutRoomComeAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		m := record.Message{Topic: "T", Body: []byte("m0"), Properties: "KEYS\x01" + strings.Repeat("k", record.MaxProperties-40)}
		done := make(chan error, 1)
		if err := r.st.Put([]record.Message{m}, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got, err := r.pop(1); err != nil || len(got) != 1 {
			t.Fatalf("popped %v, %v", got, err)
		}
		time.Sleep(12 * time.Second)
		synctest.Wait()
		got, err := r.pop(1)
		if err != nil || len(got) != 1 || got[0].body != "m0" || got[0].again != 1 {
			t.Fatalf("popped %v, %v; the log says %s", got, err, r.log)
		}
		r.mustStop()
	})
}

// TestResetWhileAMessageComesAgain: what was reset, or deleted, while it was read to be
// stored once more is not stored.
func TestResetWhileAMessageComesAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mustStart()
		if err := r.put(0); err != nil {
			t.Fatal(err)
		}
		o := r.s.o
		var s *Service
		o.Make = func(topic string) error {
			all := []table.Offset{{Group: "H", Topic: "T", Offset: 1}}
			return errors.Join(r.s.o.Make(topic), s.Reset(all, func() error { return r.st.ResetOffsets(all) }))
		}
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		p, err := s.Pop(&Request{Group: "H", Topic: "T", Queues: 2, QueueID: AnyQueue, Max: 1, Invisible: 1000})
		if err != nil || len(p.Offsets) != 1 {
			t.Fatalf("popped %v, %v", p.Offsets, err)
		}
		p.Result.Release()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := r.st.MaxOffset(RetryTopic("H", "T"), 0); n != 0 {
			t.Errorf("%d messages come again behind a reset", n)
		}
		cancel()
		<-ended
		r.mustStop()
	})
}
