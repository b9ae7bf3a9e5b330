package commitlog

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pairmq/hal/disk/diskfault"
)

// longLog returns a running log with records of these sizes over and over, until it
// has n segments of 4 MiB, and where each record lies.
func longLog(t *testing.T, d *diskfault.FS, n int64, sizes ...int) (h *harness, places []int64) {
	t.Helper()
	h = mustStart(t, d, Options{SegmentSize: 4 << 20, SyncFlush: true}, RecoverOptions{})
	t.Cleanup(func() { mustStop(t, h) })
	for h.End() <= (n-1)<<22 {
		i := len(places)
		places = append(places, mustPut(t, h, uint64(i), sizes[i%len(sizes)]))
	}
	return h, places
}

// collect returns a visitor, and where the records lay that it has seen.
func collect(t *testing.T, seen *[]int64) func(Stretch) error {
	return func(s Stretch) error {
		if s.At>>22 != (s.End()-1)>>22 {
			t.Errorf("a stretch from %d to %d is in two segments", s.At, s.End())
		}
		for off, b := range s.Records() {
			if n, err := checkRecord(b, off); n != len(b) || err != nil || recordID(b) != uint64(len(*seen)) {
				t.Errorf("%d bytes at %d are record %d of %d, %v, want record %d", len(b), off, recordID(b), n, err, len(*seen))
			}
			*seen = append(*seen, off)
		}
		return nil
	}
}

// Whatever their sizes, records are visited as they lie: small ones by the buffer,
// and some that are larger than a buffer is.
func TestScanVisitsAllRecordsInOrder(t *testing.T) {
	for name, sizes := range map[string][]int{
		"small": {100, 1000, 5000}, "large": {900 << 10}, "both": {1000, 700 << 10, 300, 260 << 10, 30, 250 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			h, places := longLog(t, diskfault.New(diskfault.Plan{}), 3, sizes...)
			var seen []int64
			end, err := h.Scan(0, h.End(), checkRecord, collect(t, &seen))
			if err != nil || end != h.End() || !slices.Equal(seen, places) {
				t.Errorf("Scan came to %d with %d records, %v, want %d and %d", end, len(seen), err, h.End(), len(places))
			}
			seen = nil
			to := places[len(places)/2]
			if end, err = h.Scan(0, to, checkRecord, collect(t, &seen)); err != nil || end != to || !slices.Equal(seen, places[:len(places)/2]) {
				t.Errorf("Scan to %d came to %d with %d records, %v", to, end, len(seen), err)
			}
		})
	}
}

// The check of records further behind does not wait for the visit of those before.
func TestCheckRunsAhead(t *testing.T) {
	h, places := longLog(t, diskfault.New(diskfault.Plan{}), 2, 1000)
	checked := make(chan int64, 2*len(places)) // some twice: first there is a part of them
	ahead := false
	_, err := h.Scan(0, h.End(), func(b []byte, off int64) (int, error) {
		checked <- off
		return checkRecord(b, off)
	}, func(s Stretch) error {
		for !ahead { // for ever, if nobody checks meanwhile
			ahead = <-checked > s.End()
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// What a disk is asked for is in one order: a segment is entered when all of the one
// before was visited, and none when the visitor wants no more.
func TestASegmentIsEnteredBehindTheVisitor(t *testing.T) {
	var visited, entered atomic.Int64
	d := diskfault.New(diskfault.Plan{Hook: func(op diskfault.Op) {
		if base, ok := parseName(strings.TrimPrefix(op.Name, "commitlog/")); ok && op.Kind == diskfault.Datasync {
			entered.Add(1)
			if n := visited.Load(); n < base && n >= 0 {
				t.Errorf("segment %d is entered when %d bytes were visited", base, n)
			}
		}
	}})
	visited.Store(-1) // nothing is scanned yet
	h, _ := longLog(t, d, 4, 1000, 100, 10_000)
	visited.Store(0)
	entered.Store(0)
	_, err := h.Scan(0, h.End(), checkRecord, func(s Stretch) error {
		end := s.End()
		if rest := 4<<20 - end%(4<<20); rest <= 10_000+fillerSize {
			end += rest // the filler is nobody's
		}
		visited.Store(end)
		return nil
	})
	if n := entered.Load(); err != nil || n != 4 {
		t.Errorf("Scan entered %d segments, %v, want 4", n, err)
	}
	cause, calls := errors.New("cause"), 0
	entered.Store(0)
	if _, err = h.Scan(0, h.End(), checkRecord, func(Stretch) error { calls++; return cause }); !errors.Is(err, cause) {
		t.Errorf("Scan: %v, want the visitor's error", err)
	}
	if n := entered.Load(); n != 1 || calls != 1 {
		t.Errorf("%d segments were entered and %d stretches visited although the first visit failed", n, calls)
	}
}

// A log that runs may be damaged, and may lose its beginning.
func TestScanSaysWhyItStops(t *testing.T) {
	d := written(t, 85)
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	defer mustStop(t, h)
	flip(50, 40)(t, d)
	n := 0
	end, err := h.Scan(0, at(85), checkRecord, func(s Stretch) error { n += len(s.Sizes); return nil })
	if !errors.Is(err, ErrCorrupt) || end != at(50) || n != 50 {
		t.Errorf("Scan over damage at %d: end %d, %d records, %v, want ErrCorrupt behind 50", at(50), end, n, err)
	}
	if _, err := h.Retire(tSeg); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Scan(0, at(85), checkRecord, func(Stretch) error { return nil }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Scan of what was given back: %v, want ErrNotExist", err)
	}
}
