package commitlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"pairmq/hal/disk/diskfault"
)

func TestAppendedRecordsAreThereAfterReopening(t *testing.T) {
	for _, sync := range []bool{true, false} {
		t.Run(fmt.Sprintf("SyncFlush=%t", sync), func(t *testing.T) {
			d := diskfault.New(diskfault.Plan{})
			opts := Options{SegmentSize: 4096, SyncFlush: sync}
			h := mustStart(t, d, opts, RecoverOptions{})
			offs := make([]int64, 100)
			for i := range offs {
				offs[i] = mustPut(t, h, uint64(i), 100+i)
				wantRecord(t, h.Log, offs[i], uint64(i), 100+i)
			}
			end := h.End()
			mustStop(t, h)
			if h.Durable() != end || h.confirmed != end || h.durable != end {
				t.Errorf("after Run: end %d, durable %d, told %d confirmed and %d durable", end, h.Durable(), h.confirmed, h.durable)
			}

			h = mustStart(t, d.Restart(), opts, RecoverOptions{Durable: end})
			if len(h.found) != 100 || h.rec.Records != 100 || h.End() != end || h.rec.Erased != 0 || h.rec.Quarantined != "" {
				t.Errorf("recovered %d records, %+v, want 100 and end %d", len(h.found), h.rec, end)
			}
			for i, off := range offs {
				wantRecord(t, h.Log, off, uint64(i), 100+i)
			}
			off := mustPut(t, h, 1000, 50)
			wantRecord(t, h.Log, off, 1000, 50)
			mustStop(t, h)
		})
	}
}

func TestSegmentsEndInAFiller(t *testing.T) {
	const size = 1024
	tests := []struct {
		first, second int
		at            int64 // where the second goes
		filler        bool
	}{
		{100, 100, 100, false},
		{100, size - 100 - 8, 100, false}, // exactly fits with eight bytes left
		{100, size - 100 - 7, size, true}, // one too many
		{size - 8, 30, size, true},        // the filler is just eight bytes
		{size - 9, 30, size, true},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.first, test.second), func(t *testing.T) {
			d := diskfault.New(diskfault.Plan{})
			opts := Options{SegmentSize: size, SyncFlush: true}
			h := mustStart(t, d, opts, RecoverOptions{})
			mustPut(t, h, 1, test.first)
			if off := mustPut(t, h, 2, test.second); off != test.at {
				t.Errorf("second record at %d, want %d", off, test.at)
			}
			if test.filler {
				b := make([]byte, size-test.first)
				if _, err := h.ReadAt(b, int64(test.first)); err != nil || !isFiller(b, int64(len(b))) {
					t.Errorf("behind the first record: % x…, %v, want a filler of %d bytes", b[:8], err, len(b))
				}
			}
			mustStop(t, h)
			h = mustStart(t, d.Restart(), opts, RecoverOptions{})
			if h.End() != test.at+int64(test.second) || len(h.found) != 2 {
				t.Errorf("recovered %d records up to %d", len(h.found), h.End())
			}
			mustStop(t, h)
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	opts := Options{SegmentSize: 1024, SyncFlush: true}
	l, err := Open((&harness{}).prepare(d, opts))
	if err != nil {
		t.Fatal(err)
	}
	f := &recordFiller{size: 30}
	if _, err := l.Append(30, f); !errors.Is(err, ErrClosed) {
		t.Errorf("before Recover: %v, want ErrClosed", err)
	}
	h := mustStart(t, d, opts, RecoverOptions{})
	for _, n := range []int{-1, 0, 1017, 1 << 30} {
		if _, err := h.Append(n, f); !errors.Is(err, ErrTooLarge) {
			t.Errorf("Append(%d): %v, want ErrTooLarge", n, err)
		}
	}
	mustPut(t, h, 1, 1016)
	mustStop(t, h)
	if _, err := h.Append(30, f); !errors.Is(err, ErrClosed) {
		t.Errorf("after Run: %v, want ErrClosed", err)
	}
	if _, err := h.AppendRaw(h.End(), make([]byte, 3)); !errors.Is(err, ErrClosed) {
		t.Errorf("AppendRaw after Run: %v, want ErrClosed", err)
	}
	if f.id != 0 {
		t.Errorf("Fill was called by an append that failed")
	}
}

type panicFiller struct{}

func (panicFiller) Fill([]byte, int64) { panic("filler") }

func TestAppendSurvivesAPanicOfItsFiller(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	h := mustStart(t, d, Options{SegmentSize: 4096, SyncFlush: true}, RecoverOptions{})
	mustPut(t, h, 1, 100)
	func() {
		defer func() { recover() }()
		h.Append(100, panicFiller{})
		t.Error("no panic")
	}()
	if off := mustPut(t, h, 2, 100); off != 100 {
		t.Errorf("the next record is at %d, want 100", off)
	}
	wantRecord(t, h.Log, 100, 2, 100)
	mustStop(t, h)
}

func TestReadAt(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	h := mustStart(t, d, Options{SegmentSize: 1024, SyncFlush: true}, RecoverOptions{})
	for id := range uint64(12) {
		mustPut(t, h, id, 250) // four in a segment, then a filler of 24
	}
	if _, err := h.Retire(1024); err != nil {
		t.Fatal(err)
	}
	end := h.End()
	tests := []struct {
		name   string
		off    int64
		length int
		n      int
		err    error
	}{
		{"a record", 1024, 250, 250, nil},
		{"to the end of a segment", 2000, 48, 48, nil},
		{"not beyond it", 2000, 49, 48, io.EOF},
		{"to the end of the log", end - 10, 10, 10, nil},
		{"not beyond it", end - 10, 11, 10, io.EOF},
		{"nothing at the end", end, 1, 0, io.EOF},
		{"nothing behind it", end + 5000, 1, 0, io.EOF},
		{"retired", 1023, 1, 0, fs.ErrNotExist},
		{"negative", -1, 1, 0, fs.ErrNotExist},
	}
	for _, test := range tests {
		n, err := h.ReadAt(make([]byte, test.length), test.off)
		if n != test.n || !errors.Is(err, test.err) {
			t.Errorf("%s: ReadAt(%d bytes, %d) = %d, %v, want %d, %v", test.name, test.length, test.off, n, err, test.n, test.err)
		}
	}
	mustStop(t, h)
	if _, err := h.ReadAt(make([]byte, 1), 1024); err == nil {
		t.Error("ReadAt after Close works")
	}
}
