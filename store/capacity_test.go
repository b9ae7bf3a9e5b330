package store_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// TestWhatMayWaitFindsRest: of the least store that is allowed a quarter of Capacity
// waits, and others store nothing. What goes next is stored anew, as it is asked for, and
// then there is an end to it.
func TestWhatMayWaitFindsRest(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		opts := options(diskfault.New(diskfault.Plan{Real: dir}), true)
		opts.SegmentSize = 1 << 20
		opts.MaxBytes = 4*opts.SegmentSize + 2<<20 + 256<<10 // meta.db has 2 MiB
		r := mustStart(t, opts)
		defer r.cancel()
		r.Need(0)
		m := message(0, queues)
		m.Body = []byte(strings.Repeat("x", 8<<10))
		size := int64(len(m.Body))
		put := func(put func([]record.Message, func(error)) error) int64 {
			t.Helper()
			ms, done := []record.Message{m}, make(chan error, 1)
			if err := put(ms, func(err error) { done <- err }); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			return ms[0].PhyOffset
		}
		var waiting []int64 // where they lie
		for int64(len(waiting))*size < r.Capacity()/4 {
			waiting = append(waiting, put(r.Put))
		}
		count := len(waiting)
		for anew := 0; ; {
			time.Sleep(time.Second)
			if err := r.Clean(time.Now()); err != nil {
				t.Fatal(err)
			}
			before, _ := r.GoesNext()
			if waiting[0] >= before {
				break
			}
			for waiting[0] < before {
				waiting = append(waiting[1:], put(r.PutAnew))
				if anew++; anew > 5*count {
					t.Fatalf("%d messages that wait were stored anew %d times, and the log goes from %d to %d", count, anew, r.Start(), r.End())
				}
			}
			r.Need(waiting[0])
		}
	})
}

// TestWhatMayWaitLeavesOthersTheirRoom: without MaxBytes the log may take what the file
// system has free, and not what it has.
func TestWhatMayWaitLeavesOthersTheirRoom(t *testing.T) {
	const quota = 80 << 20
	fs := diskfault.New(diskfault.Plan{Quota: quota, Real: t.TempDir()})
	other, err := fs.Create("somebody-else")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Allocate(quota / 2); err != nil {
		t.Fatal(err)
	}
	opts := options(fs, true)
	opts.Watermarks = store.Watermarks{Filling: 80, Tight: 85, Full: 90, Critical: 95}
	r := mustStart(t, opts)
	if got := r.Capacity(); got > quota*35/100 || got < quota*5/100 {
		t.Errorf("Capacity is %d, of %d another has half and 15 %% stay free", got, quota)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}
