package commitlog

import (
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
)

// TestClasses: what was promised of each append is kept, and no sync more than
// that takes.
func TestClasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := tOptions()
		opts.SyncFlush, opts.Classes = true, true
		h, d := startBubble(t, opts)
		syncs := d.Stats().Syncs
		put := func(id uint64, within time.Duration) int64 {
			t.Helper()
			off, err := h.AppendWithin(tRec, within, &recordFiller{id: id, size: tRec})
			if err == nil {
				err = h.await(off + tRec)
			}
			if err != nil {
				t.Fatal(err)
			}
			return off + tRec
		}
		expect := func(what string, durable int64, more int) {
			t.Helper()
			synctest.Wait()
			if got := d.Stats().Syncs - syncs; h.Durable() != durable || got != more {
				t.Errorf("%s: durable to %d after %d syncs, want %d after %d", what, h.Durable(), got, durable, more)
			}
		}
		put(1, time.Hour)
		expect("one that may wait is confirmed", 0, 0)
		<-time.After(30 * time.Minute)
		soon := put(2, 200*time.Millisecond)
		expect("one that may wait a little", 0, 0)
		<-time.After(199 * time.Millisecond)
		expect("before its time", 0, 0)
		<-time.After(2 * time.Millisecond)
		expect("after its time", soon, 1)
		put(3, time.Hour)
		strict := put(4, 0)
		expect("one that must be durable takes the others along", strict, 2)
		put(5, time.Hour)
		<-time.After(61 * time.Minute)
		expect("an hour later", strict+tRec, 3)
		<-time.After(3 * time.Hour)
		expect("with nothing to do", strict+tRec, 3)
		mustStop(t, h)
	})
}

// TestAStrictAppendWaitsBehindLazyOnes holds the sync back: what may wait is
// confirmed, what must be durable is not, nor what comes behind it.
func TestAStrictAppendWaitsBehindLazyOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := tOptions()
		opts.SyncFlush, opts.Classes = true, true
		h, d := startBubble(t, opts)
		gate := hold(d, diskfault.Datasync)
		var ends []int64
		for i, within := range []time.Duration{time.Hour, 0, time.Hour} {
			off, err := h.AppendWithin(tRec, within, &recordFiller{id: uint64(i), size: tRec})
			if err != nil {
				t.Fatal(err)
			}
			ends = append(ends, off+tRec)
			synctest.Wait()
		}
		h.mu.Lock()
		confirmed := h.confirmed
		h.mu.Unlock()
		if confirmed != ends[0] {
			t.Errorf("while the sync is on its way %d is confirmed, want %d", confirmed, ends[0])
		}
		close(gate)
		if err := h.await(ends[2]); err != nil {
			t.Fatal(err)
		}
		mustStop(t, h)
	})
}
