package commitlog

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
)

// lendingDisk is a folder of the operating system's: it lends its files.
func lendingDisk(t *testing.T) disk.FS {
	t.Helper()
	d, err := disk.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// mustLend borrows the segment that begins at base.
func mustLend(t *testing.T, l *Log, base int64) *os.File {
	t.Helper()
	f, got, err := l.Lend(base + 17)
	if f == nil || got != base || err != nil {
		t.Fatalf("Lend(%d) = %v, %d, %v, want the segment at %d", base+17, f, got, err, base)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// checkLent fails unless f holds the records that the segment at base has.
func checkLent(f *os.File, base int64) error {
	b := make([]byte, tSeg)
	if _, err := f.ReadAt(b, 0); err != nil {
		return err
	}
	for i := range int64(tPer) {
		if _, err := checkRecord(b[i*tRec:], base+i*tRec); err != nil {
			return err
		}
		if id := recordID(b[i*tRec:]); id != uint64(base/tSeg*tPer+i) {
			return errors.New("another record")
		}
	}
	return nil
}

func TestOnlyWhatNeverChangesIsLent(t *testing.T) {
	d := lendingDisk(t)
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	fill(t, h, 0, 4*tPer+5)
	if _, err := h.Retire(tSeg); err != nil {
		t.Fatal(err)
	}
	for base := int64(tSeg); base < 4*tSeg; base += tSeg {
		if err := checkLent(mustLend(t, h.Log, base), base); err != nil {
			t.Errorf("the segment at %d: %v", base, err)
		}
	}
	for _, off := range []int64{4 * tSeg, h.End(), h.End() + 1, 9 * tSeg} {
		if f, _, err := h.Lend(off); f != nil || err != nil {
			t.Errorf("Lend(%d) = %v, %v, want nothing of a segment that still grows, or is none", off, f, err)
		}
	}
	if f, _, err := h.Lend(0); f != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Lend of what was given back: %v, %v, want fs.ErrNotExist", f, err)
	}
	end := h.End()
	mustStop(t, h)

	for _, tt := range []struct {
		name string
		opts RecoverOptions
		from int64 // first segment that is lent
	}{
		{"all of it was read", RecoverOptions{}, tSeg},
		{"the end was read", RecoverOptions{From: 3 * tSeg}, 3 * tSeg},
		{"nothing was read", RecoverOptions{From: end, Clean: true}, 5 * tSeg},
	} {
		h := mustStart(t, d, tOptions(), tt.opts)
		for base := int64(tSeg); base < 4*tSeg; base += tSeg {
			f, _, err := h.Lend(base)
			if (f != nil) != (base >= tt.from) || err != nil {
				t.Errorf("%s: Lend(%d) = %v, %v, want those from %d on", tt.name, base, f, err, tt.from)
			}
			f.Close()
		}
		mustStop(t, h)
	}
}

func TestASimulatedDiskLendsNothing(t *testing.T) {
	h := mustStart(t, diskfault.New(diskfault.Plan{}), tOptions(), RecoverOptions{})
	fill(t, h, 0, 2*tPer)
	if f, _, err := h.Lend(0); f != nil || err != nil {
		t.Errorf("Lend = %v, %v, want nothing", f, err)
	}
	mustStop(t, h)
}

// A lent segment is not used again: its pages may still be in a socket.
func TestALentSegmentIsNotUsedAgain(t *testing.T) {
	h := mustStart(t, lendingDisk(t), tOptions(), RecoverOptions{})
	fill(t, h, 0, 3*tPer+1)
	open, closed := mustLend(t, h.Log, 0), mustLend(t, h.Log, tSeg)
	closed.Close()
	if _, err := h.Retire(3 * tSeg); err != nil {
		t.Fatal(err)
	}
	if len(h.spares) != 1 || h.spares[0] != 2*tSeg {
		t.Errorf("kept for reuse: %v, want only the one at %d, which was not lent", h.spares, 2*tSeg)
	}
	fill(t, h, 3*tPer+1, 6*tPer)
	if err := checkLent(open, 0); err != nil {
		t.Errorf("the lent segment after others were made: %v", err)
	}
	mustStop(t, h)
}

// What was lent stays what it was when the log is cut off inside it.
func TestALentSegmentSurvivesTruncation(t *testing.T) {
	h := mustStart(t, lendingDisk(t), tOptions(), RecoverOptions{})
	fill(t, h, 0, 3*tPer)
	first, second := mustLend(t, h.Log, 0), mustLend(t, h.Log, tSeg)
	if _, err := h.Truncate(at(3)); err != nil {
		t.Fatal(err)
	}
	for i, f := range []*os.File{first, second} {
		if err := checkLent(f, int64(i)*tSeg); err != nil {
			t.Errorf("segment %d after the truncation: %v", i, err)
		}
	}
	if f, _, err := h.Lend(0); f != nil || err != nil {
		t.Errorf("Lend of the shortened segment = %v, %v, want nothing", f, err)
	}
	mustStop(t, h)
}

// Borrowers race with appends and with segments that are retired and used again:
// whatever they have stays what it was to the end.
func TestLendRacesWithRetire(t *testing.T) {
	h := mustStart(t, lendingDisk(t), tOptions(), RecoverOptions{})
	fill(t, h, 0, 3*tPer)
	var mu sync.Mutex
	lent := map[*os.File]int64{}
	done := make(chan struct{})
	var borrowers sync.WaitGroup
	for r := range 3 {
		borrowers.Go(func() {
			for i := r; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				f, base, err := h.Lend(h.Start() + int64(i%3)*tSeg)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("Lend: %v", err)
					return
				}
				if f == nil {
					continue
				}
				if err := checkLent(f, base); err != nil {
					t.Errorf("the segment at %d: %v", base, err)
				}
				mu.Lock()
				if len(lent) < 100 {
					lent[f], f = base, nil
				}
				mu.Unlock()
				f.Close()
			}
		})
	}
	for i := 3; i < 25; i++ {
		fill(t, h, i*tPer, (i+1)*tPer)
		if _, err := h.Retire(int64(i-2) * tSeg); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	borrowers.Wait()
	mustStop(t, h)
	for f, base := range lent {
		if err := errors.Join(checkLent(f, base), f.Close()); err != nil {
			t.Errorf("in the end the segment at %d: %v", base, err)
		}
	}
}

// A lent file that cannot be opened is an error, and lends nothing.
func TestLendFailure(t *testing.T) {
	d := lendingDisk(t)
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	fill(t, h, 0, 2*tPer)
	if err := d.Rename("commitlog/"+segmentName(0), "elsewhere"); err != nil {
		t.Fatal(err)
	}
	if f, _, err := h.Lend(0); f != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Lend of a file that is gone = %v, %v", f, err)
	}
	mustStop(t, h)
}
