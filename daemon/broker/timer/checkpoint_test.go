package timer

import (
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
