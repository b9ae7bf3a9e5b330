package store_test

import (
	"bytes"
	"testing"

	"pairmq/hal/disk"
)

// What is lent is what ReadRaw reads, and only of segments that are confirmed to
// their end.
func TestLentIsWhatIsRead(t *testing.T) {
	fsys, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, syncFlush := range []bool{true, false} {
		r := mustStart(t, options(fsys, syncFlush))
		if _, err := putAll(r.Store, 0, 1000, 4, queues); err != nil {
			t.Fatal(err)
		}
		lent, size := 0, r.SegmentSize()
		for base := r.Start(); base < r.Confirmed()+size; base += size {
			f, at, err := r.Lend(base + size - 1)
			if err != nil {
				t.Fatal(err)
			}
			if f == nil {
				continue
			}
			lent++
			got := make([]byte, size)
			if _, err := f.ReadAt(got, 0); err != nil || at != base || base+size > r.Confirmed() {
				t.Errorf("lent is the segment at %d for %d of the %d bytes confirmed, %v", at, base, r.Confirmed(), err)
			}
			if !bytes.Equal(got, rawLog(t, r.ReadRaw, base, base+size)) {
				t.Errorf("the lent segment at %d has other bytes than ReadRaw reads", base)
			}
			f.Close()
		}
		if lent == 0 {
			t.Errorf("SyncFlush %v: nothing was lent of %d bytes in segments of %d", syncFlush, r.Confirmed(), size)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
}
