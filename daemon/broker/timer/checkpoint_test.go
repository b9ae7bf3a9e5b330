package timer

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/store"
	"pairmq/store/record"
)

// TestCheckpoint: what a slave is told leaves out nothing that waits, and little of what
// was delivered; while the wall clock is somewhere else it leaves out nothing.
func TestCheckpoint(t *testing.T) {
	bubble(t, func(r *rig) {
		r.must(r.start())
		synctest.Wait()
		want := func(when string, read, next int64) {
			t.Helper()
			synctest.Wait()
			if got := r.service.Checkpoint(); got != (Checkpoint{Read: read, Next: next}) {
				t.Errorf("%s: %+v, want {Read:%d Next:%d}", when, got, read, next)
			}
		}
		want("an empty queue", r.wall()-readMargin, 0)
		began := r.wall()
		r.must(r.send(1, PropertyDelaySec, 20))
		r.must(r.send(2, PropertyDeliverMs, began+10_000))
		r.must(r.send(3, PropertyDelayMs, 30_000))
		want("all wait", began-readMargin, 3)
		time.Sleep(9 * time.Second)
		want("all wait longer", began+9_000-readMargin, 3)
		time.Sleep(15 * time.Second)
		want("two are delivered", began+24_000-readMargin, 3)
		r.step.Store(-5_000) // the first that waits is due at 30 s
		want("the clock is set back", 0, 0)
		r.step.Store(5_000)
		want("the clock is set on", 0, 0)
		r.step.Store(500)
		want("by little", began+24_500-readMargin, 3)
		r.step.Store(0)
		time.Sleep(2 * time.Second)
		r.must(r.stop())

		r.must(r.start())
		want("after a restart", began+26_000-readMargin, 3)
		r.must(r.send(4, PropertyDelaySec, 1000))
		time.Sleep(time.Minute)
		want("the last waits", began+86_000-readMargin, 4)
		r.must(r.stop())
	})
}

// A fullStore takes nothing from a Service.
type fullStore struct{ *store.Store }

func (fullStore) Put([]record.Message, func(error)) error { return store.ErrDiskFull }

// TestCheckpointOfWhatIsLate: what is due and could not be stored is not said to be delivered.
func TestCheckpointOfWhatIsLate(t *testing.T) {
	bubble(t, func(r *rig) {
		r.wrap = func(st *store.Store) Store { return fullStore{st} }
		r.must(r.start())
		r.must(r.send(1, PropertyDelaySec, 20))
		due := r.wall() + 20_000
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := r.service.Checkpoint(); got.Read != due-readMargin {
			t.Errorf("read to %d, want %d", got.Read, due-readMargin)
		}
		r.must(r.stop())
	})
}

// TestStatus: how many were looked at and are done, what cannot be looked at, and how late what cannot be stored is.
func TestStatus(t *testing.T) {
	bubble(t, func(r *rig) {
		var now atomic.Bool
		r.wrap = func(st *store.Store) Store { return unreadable{st, &now} }
		r.must(r.start())
		want := func(when string, want Status) {
			t.Helper()
			synctest.Wait()
			if got := r.service.Status(); got != want {
				t.Errorf("%s: %+v, want %+v", when, got, want)
			}
		}
		want("at the start", Status{})
		r.must(r.send(1, PropertyDelayMs, 2000))
		r.must(r.send(2, PropertyDeliverMs, r.wall()+60_000))
		want("both wait", Status{Read: 2})
		time.Sleep(3 * time.Second)
		want("one is done", Status{Read: 2, Done: 1})
		now.Store(true)
		r.must(r.send(3, PropertyDelayMs, 1000))
		want("one cannot be read", Status{Unread: 1, Read: 2, Done: 1})
		now.Store(false)
		time.Sleep(time.Minute)
		want("all are done", Status{Read: 3, Done: 3})
		r.must(r.stop())

		r.wrap = func(st *store.Store) Store { return fullStore{st} }
		r.must(r.start())
		r.must(r.send(4, PropertyDelaySec, 20))
		time.Sleep(15 * time.Second)
		want("it is not due", Status{Read: 1})
		time.Sleep(45 * time.Second)
		want("it cannot be stored", Status{Read: 1, Late: 40_000})
		r.must(r.stop())
	})
}
