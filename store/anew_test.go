package store_test

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
)

// TestWhatIsStoredAnewCounts: it is not refused at its topic's quota, and the store says
// what the log holds, as it does after a start.
func TestWhatIsStoredAnewCounts(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := mustStart(t, quotaOptions(diskfault.New(diskfault.Plan{Real: dir})))
		defer r.cancel()
		n := 0
		var err error
		for ; err == nil && n < 10_000; n++ {
			ms, _ := messagesOf("Wild", n, 1)
			err = r.store(ms)
		}
		if !errors.Is(err, store.ErrQuota) {
			t.Fatalf("message %d: %v, want ErrQuota", n, err)
		}
		for i := range 10 {
			ms, _ := messagesOf("Wild", i, 1)
			done := make(chan error, 1)
			if err := r.PutAnew(ms, func(err error) { done <- err }); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if got, want := r.held(t), r.heldInLog(t); !maps.Equal(got, want) {
			t.Errorf("the topics hold %v, in the log they have %v", got, want)
		}
	})
}
