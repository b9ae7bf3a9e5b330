package store_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
)

// TestWorkThatWaits: what a store says of its work while its disk stands still at one place,
// and that there is none before and after.
func TestWorkThatWaits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy policy
		stalls func(op diskfault.Op) bool
		want   string
	}{
		{"a write", strict, func(op diskfault.Op) bool {
			return op.Kind == diskfault.Write && strings.HasPrefix(op.Name, "commitlog/")
		}, "write the log, answer the oldest record"},
		{"a sync", strict, func(op diskfault.Op) bool {
			return op.Kind == diskfault.Datasync && strings.HasPrefix(op.Name, "commitlog/")
		}, "sync the log, answer the oldest record"},
		{"a sync that nobody waits for", late, func(op diskfault.Op) bool {
			return op.Kind == diskfault.Datasync && strings.HasPrefix(op.Name, "commitlog/")
		}, "sync the log"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				fs := diskfault.New(diskfault.Plan{Real: dir})
				r := mustStart(t, tt.policy.options(fs))
				put(t, r.Store, message(0, 1))
				time.Sleep(time.Minute)
				synctest.Wait() // what begins at this very moment is no work that waits
				if all := r.Work(); len(all) != 0 {
					t.Errorf("with nothing to do: %v", all)
				}
				gate := make(chan struct{})
				fs.Arm(diskfault.Plan{Hook: func(op diskfault.Op) {
					if tt.stalls(op) {
						<-gate
					}
				}})
				done := make(chan struct{})
				go func() {
					defer close(done)
					if err := r.Put(sliceOf(message(1, 1)), func(error) {}); err != nil {
						t.Error(err)
					}
				}()
				time.Sleep(time.Second)
				synctest.Wait()
				first := r.Work()
				if got := whats(first); got != tt.want {
					t.Errorf("work: %q, want %q", got, tt.want)
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if later := r.Work(); whats(later) != whats(first) || later[0] != first[0] {
					t.Errorf("ten minutes later: %v, was %v", later, first)
				}
				close(gate)
				<-done
				time.Sleep(time.Minute)
				synctest.Wait() // what begins at this very moment is no work that waits
				if all := r.Work(); len(all) != 0 {
					t.Errorf("when the disk goes on: %v", all)
				}
				if err := r.stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func whats(all []store.Work) string {
	var names []string
	for _, w := range all {
		names = append(names, w.What)
	}
	return strings.Join(names, ", ")
}
