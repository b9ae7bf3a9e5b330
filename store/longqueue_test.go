package store_test

import (
	"testing"

	"pairmq/hal/disk/diskfault"
	"pairmq/store/record"
)

// TestOffsetByTimeInAQueueOfMoreThan31Bits searches a queue on a slave that came late
// and missed most of it: its offsets are more than an int has where a word has 32 bits.
func TestOffsetByTimeInAQueueOfMoreThan31Bits(t *testing.T) {
	const far = 3 << 30
	r := mustStart(t, copyOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true))
	defer r.stop()
	f := r.Follow()
	offsets := []int64{0, far, far + 1, far + 2}
	const began = int64(1_790_000_000_000)
	for n, offset := range offsets {
		m := message(n, 1)
		m.Topic, m.QueueID, m.QueueOffset, m.PhyOffset, m.StoreTimestamp = "T", 0, offset, f.End(), began+int64(n)
		if err := f.AppendRaw(f.End(), record.Append(nil, &m)); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, r.Store, f)
	if end := r.MaxOffset("T", 0); end != far+3 {
		t.Fatalf("the queue ends at %d, want %d", end, int64(far+3))
	}
	for n, offset := range offsets[1:] {
		for _, upper := range []bool{false, true} {
			if got, err := r.OffsetByTime("T", 0, began+int64(n)+1, upper); got != offset || err != nil {
				t.Errorf("OffsetByTime(record %d, %v) = %d, %v; want %d", n+1, upper, got, err, offset)
			}
		}
	}
	if got, err := r.OffsetByTime("T", 0, began+9, false); got != far+3 || err != nil {
		t.Errorf("OffsetByTime of the future = %d, %v; want %d", got, err, int64(far+3))
	}
}
