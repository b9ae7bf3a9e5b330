package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/meter"
)

// TestOldTimesAreForgotten: after ten minutes at the latest, after five at the
// earliest.
func TestOldTimesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var send, syncs meter.Histogram
		r := newRecentTimes(&send, &syncs, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.run(ctx) }()
		expect := func(when, want string) {
			t.Helper()
			synctest.Wait()
			if got := r.String(); got != want {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		expect("nothing has happened", "")
		for range 99 {
			send.Observe(40 * time.Microsecond)
		}
		send.Observe(5 * time.Second)
		syncs.Observe(100 * time.Millisecond)
		const both = "send 0.04/0.05 ms, fsync 75/100 ms"
		expect("at once", both)
		time.Sleep(9 * time.Minute)
		expect("after 9 min", both)
		send.Observe(15 * time.Millisecond)
		time.Sleep(2 * time.Minute)
		expect("after 11 min", "send 15/20 ms")
		time.Sleep(10 * time.Minute)
		expect("after 21 min", "")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
