package store_test

import (
	"errors"
	"sync"
	"testing"

	"pairmq/store"
	"pairmq/store/record"
)

// TestNothingIsStoredBehindAShutGate has many store while the gate is shut: the
// log's end stays where Shut left it.
func TestNothingIsStoredBehindAShutGate(t *testing.T) {
	r, _ := openOnDisk(t, false)
	defer r.stop()
	var senders sync.WaitGroup
	var refused sync.Map // by sender, what it was told
	begun := make(chan struct{}, 1)
	for n := range 8 {
		senders.Go(func() {
			for {
				err := r.Put(sliceOf(message(n, 1)), func(error) {})
				if err != nil {
					refused.Store(n, err)
					return
				}
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	<-begun
	r.Shut()
	end := r.End()
	senders.Wait()
	if got := r.End(); got != end {
		t.Errorf("the log ended at %d when the gate was shut, and at %d later", end, got)
	}
	refused.Range(func(n, err any) bool {
		if !errors.Is(err.(error), store.ErrReadOnly) {
			t.Errorf("sender %v was told %v, want ErrReadOnly", n, err)
		}
		return true
	})
	r.Reopen()
	put(t, r.Store, message(9, 1))
}

// TestDecideSeesWhatWasKept opens a store whose role depends on a value of
// before.
func TestDecideSeesWhatWasKept(t *testing.T) {
	r, opts := openOnDisk(t, true)
	if err := r.SetValue("role", []byte("holds")); err != nil {
		t.Fatal(err)
	}
	r.stop()
	var seen string
	opts.Decide = func(value func(string) []byte) (copies, holds bool) {
		seen = string(value("role"))
		return false, true
	}
	r = mustStart(t, opts)
	defer r.stop()
	if seen != "holds" {
		t.Errorf("Decide saw %q", seen)
	}
	told := make(chan error, 1)
	ms := []record.Message{message(1, 1)}
	if err := r.Put(ms, func(err error) { told <- err }); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-told:
		t.Errorf("a store that holds answered %v before Release", err)
	default:
	}
	for r.Confirmed() < r.End() {
	}
	if got := r.MaxOffset(ms[0].Topic, ms[0].QueueID); got != 0 {
		t.Errorf("a held record can be seen: max offset %d", got)
	}
	r.Release(r.End(), nil)
	if err := <-told; err != nil {
		t.Error(err)
	}
}
