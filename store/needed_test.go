package store_test

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// TestWhatIsNeededIsKept: retention says what goes next and leaves what is needed alone;
// messages are refused before the budget is gone, and what is stored anew is not.
func TestWhatIsNeededIsKept(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		opts := options(diskfault.New(diskfault.Plan{Real: dir}), true)
		opts.SegmentSize, opts.ChunkBytes, opts.MaxBytes = 256<<10, 64<<10, 8<<20
		r := mustStart(t, opts)
		defer r.cancel()
		r.Need(0)
		const need = 1000
		stored, told := 0, false
		for stored < 200_000 {
			if _, err := putAll(r.Store, stored, 100, 1, queues); errors.Is(err, store.ErrDiskFull) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			stored += 100
			if before, urgent := r.GoesNext(); before > 0 && !urgent {
				told = true
			}
			time.Sleep(time.Millisecond)
		}
		if before, urgent := r.GoesNext(); r.Start() != 0 || before == 0 || !urgent || !told {
			t.Fatalf("after %d messages the log begins at %d; before %d goes next, urgent %v, told in time %v", stored, r.Start(), before, urgent, told)
		}
		for range need {
			m := []record.Message{message(0, queues)}
			done := make(chan error, 1)
			if err := r.PutAnew(m, func(err error) { done <- err }); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if used := r.Stats().StoreBytes; used > opts.MaxBytes {
			t.Errorf("the store takes %d bytes, %d are allowed", used, opts.MaxBytes)
		}
		r.Need(2 * opts.SegmentSize)
		if r.Start() != 2*opts.SegmentSize {
			t.Errorf("the log begins at %d, what is needed at %d", r.Start(), 2*opts.SegmentSize)
		}
		r.Need(math.MaxInt64)
		if _, err := putAll(r.Store, stored, 100, 1, queues); err != nil {
			t.Errorf("nothing is needed, and a message is refused: %v", err)
		}
		if _, urgent := r.GoesNext(); urgent {
			t.Error("it is still urgent")
		}
	})
}
