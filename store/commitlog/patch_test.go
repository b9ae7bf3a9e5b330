package commitlog

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"syscall"
	"testing"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
)

// stored reads n bytes at off as the medium has them.
func stored(t testing.TB, l *Log, off int64, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if got, lost, err := l.ReadStored(b, off); got != n || lost != 0 || err != nil {
		t.Fatalf("ReadStored(%d bytes, %d) = %d, %d lost, %v", n, off, got, lost, err)
	}
	return b
}

// good is the i-th record as it was written.
func good(i int) []byte {
	b := make([]byte, tRec)
	putRecord(b, at(i), uint64(i))
	return b
}

// file is what a file holds.
func file(t testing.TB, d disk.FS, name string) []byte {
	t.Helper()
	f, err := d.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPatch(t *testing.T) {
	d := written(t, 2*tPer+5)
	h := mustStart(t, d, tOptions(), RecoverOptions{From: at(2*tPer + 5)})
	defer h.stop()
	flip(tPer+3, 50)(t, d)
	old := stored(t, h.Log, at(tPer+3), tRec)
	if bytes.Equal(old, good(tPer+3)) {
		t.Fatal("the damage is not seen")
	}
	copied, err := h.Patch(at(tPer+3), old, good(tPer+3))
	if err != nil {
		t.Fatal(err)
	}
	if kept := file(t, d, copied); !bytes.Equal(kept, old) {
		t.Errorf("%s has %d bytes, not what was replaced", copied, len(kept))
	}
	wantRecord(t, h.Log, at(tPer+3), uint64(tPer+3), tRec)
	if _, err := h.Patch(at(tPer+3), old, good(tPer+3)); !errors.Is(err, ErrChanged) {
		t.Errorf("a second time: %v, want ErrChanged", err)
	}
	r, err := openLog(d.RestartWith(1), tOptions(), RecoverOptions{})
	if err != nil || len(r.found) != 2*tPer+5 {
		t.Errorf("reopened: %d records, %v", len(r.found), err)
	}
}

func TestPatchRefuses(t *testing.T) {
	d := written(t, 2*tPer+5)
	h := mustStart(t, d, tOptions(), RecoverOptions{From: at(2*tPer + 5)})
	defer h.stop()
	if _, err := h.Retire(tSeg); err != nil {
		t.Fatal(err)
	}
	rec := good(tPer + 1)
	tests := []struct {
		name     string
		off      int64
		from, to []byte
		err      error
	}{
		{"nothing", at(tPer), nil, nil, nil},
		{"another size", at(tPer + 1), rec, rec[:50], nil},
		{"before the log", -1, rec, rec, fs.ErrNotExist},
		{"retired", at(3), good(3), rec, fs.ErrNotExist},
		{"across the end", h.End() - 50, rec, rec, io.EOF},
		{"beyond the end", 1 << 60, rec, rec, io.EOF},
		{"across segments", 2*tSeg - 50, rec, rec, io.EOF},
		{"other bytes", at(tPer + 2), rec, rec, ErrChanged},
	}
	for _, tt := range tests {
		copied, err := h.Patch(tt.off, tt.from, tt.to)
		if err == nil || copied != "" || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: copied to %q, %v, want %v", tt.name, copied, err, tt.err)
		}
	}
	d.SetQuota(1)
	if _, err := h.Patch(at(tPer+1), rec, rec); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("without space for a copy: %v, want ENOSPC", err)
	}
	if h.Failed() != nil {
		t.Errorf("the log failed: %v", h.Failed())
	}
	wantRecord(t, h.Log, at(tPer+1), uint64(tPer+1), tRec)
}

// TestADamagedLogIsPatched reads behind the damage, where ReadAt does not go.
func TestADamagedLogIsPatched(t *testing.T) {
	tests := []struct {
		name    string
		n, bad  int
		durable int64
		stored  int64
	}{
		{"in the middle", 2*tPer + 5, 7, 0, at(2*tPer + 5)},
		{"in a full segment", tPer, 7, at(20), at(tPer-1) + tRec},
		{"the last one", 2*tPer + 5, 2*tPer + 4, at(2*tPer + 5), at(2*tPer + 5)},
		{"the only one of its segment", 2*tPer + 1, 2 * tPer, at(2*tPer + 1), at(2*tPer + 1)},
		{"known to be longer than its files", 25, 3, 9 * tSeg, tSeg},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := written(t, tt.n)
			flip(tt.bad, 50)(t, d)
			h, err := openLog(d, tOptions(), RecoverOptions{Durable: tt.durable})
			if !errors.Is(err, ErrCorrupt) || h.End() != at(tt.bad) || h.Stored() < tt.stored || h.rec.Last != h.Stored() {
				t.Fatalf("%v; end %d, stored %d and %d, want %d", err, h.End(), h.Stored(), h.rec.Last, tt.stored)
			}
			h.run()
			old := stored(t, h.Log, at(tt.bad), tRec)
			if _, err := h.Patch(at(tt.bad), old, good(tt.bad)); err != nil {
				t.Fatal(err)
			}
			if err := h.stop(); err != nil {
				t.Fatal(err)
			}
			h, err = openLog(d.Restart(), tOptions(), RecoverOptions{Durable: min(tt.durable, at(tt.n))})
			if err != nil || len(h.found) != tt.n {
				t.Errorf("reopened: %d records, %v, want %d", len(h.found), err, tt.n)
			}
		})
	}
}

// TestPatchLosesPowerAtEveryOperation: whatever is left at the place, nothing
// else has changed, what was there is set aside, and a second patch heals the log.
func TestPatchLosesPowerAtEveryOperation(t *testing.T) {
	const bad, count, n = tPer + 3, 20, 2*tPer + 5
	var right []byte
	for i := range count {
		right = append(right, good(bad+i)...)
	}
	tried, torn := 0, 0
	for cut := 1; ; cut++ {
		d := written(t, n)
		poke1(t, d, at(bad), bytes.Repeat([]byte{0xEE}, len(right)))
		h := mustStart(t, d, tOptions(), RecoverOptions{From: at(n)})
		old := stored(t, h.Log, at(bad), len(right))
		d.Arm(diskfault.Plan{Seed: uint64(cut), CutAt: cut})
		_, err := h.Patch(at(bad), old, right)
		struck := d.Struck()
		if struck == (err == nil) {
			t.Fatalf("cut %d: %v", cut, err)
		}
		_ = h.stop() // its power is gone
		if !struck {
			break
		}
		for seed := range uint64(10 * outcomes) {
			after := d.RestartWith(seed)
			h := mustStart(t, after, tOptions(), RecoverOptions{From: at(n)})
			now := stored(t, h.Log, at(bad), len(right))
			if !bytes.Equal(now, old) {
				if kept := file(t, after, "quarantine/commitlog-"+segmentName(at(bad))+"-1"); !bytes.Equal(kept, old) {
					t.Fatalf("cut %d, seed %d: bytes were changed, the copy has %d", cut, seed, len(kept))
				}
				if !bytes.Equal(now, right) {
					torn++
				}
			}
			if _, err := h.Patch(at(bad), now, right); err != nil {
				t.Fatalf("cut %d, seed %d: once more: %v", cut, seed, err)
			}
			for i := range n {
				wantRecord(t, h.Log, at(i), uint64(i), tRec)
			}
			mustStop(t, h)
			tried++
		}
	}
	t.Logf("%d outcomes of power cuts, %d with a torn patch", tried, torn)
	if torn == 0 {
		t.Error("no cut tore a patch")
	}
}

// TestAPatchFails: a failed write leaves the log as sound as it was, a failed
// sync is the end of it.
func TestAPatchFails(t *testing.T) {
	for _, tt := range []struct {
		kind  diskfault.Kind
		at    int
		final bool
	}{{diskfault.Write, 1, false}, {diskfault.Write, 2, false}, {diskfault.Sync, 1, false}, {diskfault.Datasync, 1, true}} {
		d := written(t, tPer+5)
		h := mustStart(t, d, tOptions(), RecoverOptions{From: at(tPer + 5)})
		flip(3, 50)(t, d)
		old := stored(t, h.Log, at(3), tRec)
		d.Arm(diskfault.Plan{Only: tt.kind, FailAt: tt.at})
		if _, err := h.Patch(at(3), old, good(3)); err == nil || (h.Failed() != nil) != tt.final || errors.Is(err, ErrFailed) != tt.final {
			t.Errorf("%v %d fails: %v, the log failed with %v", tt.kind, tt.at, err, h.Failed())
		}
		if _, err := h.put(1000, tRec, 1); (err != nil) != tt.final {
			t.Errorf("%v %d failed, then an append says %v", tt.kind, tt.at, err)
		}
		_ = h.stop() // fails as the log has
	}
}

// A badFS has bytes of its segments that cannot be read.
type badFS struct {
	disk.FS
	from, to int64 // positions in each segment
}

type badFile struct {
	disk.File
	fs *badFS
}

func (f *badFS) Open(name string) (disk.File, error) {
	file, err := f.FS.Open(name)
	return &badFile{file, f}, err
}

func (f *badFile) ReadAt(p []byte, off int64) (int, error) {
	if off < f.fs.to && off+int64(len(p)) > f.fs.from {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(p, off)
}

// TestUnreadableBytesAreZeros reads around a bad sector.
func TestUnreadableBytesAreZeros(t *testing.T) {
	const size = 4 * block
	opts := Options{SegmentSize: size, SyncFlush: true}
	d := diskfault.New(diskfault.Plan{})
	h := mustStart(t, d, opts, RecoverOptions{})
	for i := range 150 {
		mustPut(t, h, uint64(i), tRec)
	}
	want := stored(t, h.Log, 0, 150*tRec)
	mustStop(t, h)
	h = mustStart(t, &badFS{d, block + 100, block + 101}, opts, RecoverOptions{From: 150 * tRec})
	defer h.stop()
	got := make([]byte, 150*tRec-50)
	n, lost, err := h.ReadStored(got, 50)
	if n != len(got) || lost != block || err != nil {
		t.Fatalf("%d bytes, %d lost, %v", n, lost, err)
	}
	want = bytes.Clone(want[50:])
	clear(want[block-50 : 2*block-50])
	if !bytes.Equal(got, want) {
		t.Error("other bytes than the lost block have changed")
	}
}

// TestPatchBesideEverything patches while records are appended and segments
// are retired and cut off.
func TestPatchBesideEverything(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	fill(t, h, 0, 4*tPer)
	done := make(chan error, 1)
	go func() {
		for i := 4 * tPer; i < 8*tPer; i++ {
			off, err := h.put(uint64(i), tRec, 1)
			if err == nil {
				err = h.await(off + tRec)
			}
			if err == nil && i == 6*tPer {
				_, err = h.Retire(2 * tSeg)
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for ended := false; !ended; {
		for i := range 4 * tPer {
			b := good(i)
			if _, err := h.Patch(at(i), b, b); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			ended = true
		default:
		}
	}
	for i := 2 * tPer; i < 8*tPer; i++ {
		wantRecord(t, h.Log, at(i), uint64(i), tRec)
	}
	mustStop(t, h)
}
