package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
)

// fill appends equal records until the log holds n.
func fill(t testing.TB, h *harness, from, n int) {
	t.Helper()
	for i := from; i < n; i++ {
		if off := mustPut(t, h, uint64(i), tRec); off != at(i) {
			t.Fatalf("record %d at %d, want %d", i, off, at(i))
		}
	}
}

// names lists a folder's files.
func names(t testing.TB, d *diskfault.FS, dir string) (list []string) {
	t.Helper()
	entries, err := d.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.Dir {
			list = append(list, e.Name)
		}
	}
	return list
}

func TestRetire(t *testing.T) {
	tests := []struct {
		name     string
		keep     int // Options.Recycle
		before   int64
		start    int64
		recycled int
	}{
		{"nothing", 0, tSeg - 1, 0, 0},
		{"one", 0, tSeg, tSeg, 1},
		{"one and a half", 0, tSeg + tSeg/2, tSeg, 1},
		{"all but the active one", 0, 1 << 40, 4 * tSeg, 2},
		{"more kept", 9, 1 << 40, 4 * tSeg, 4},
		{"none kept", -1, 1 << 40, 4 * tSeg, 0},
		{"negative", 0, -1, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			opts := tOptions()
			opts.Recycle = test.keep
			d := diskfault.New(diskfault.Plan{})
			h := mustStart(t, d, opts, RecoverOptions{})
			fill(t, h, 0, 4*tPer+5)
			start, err := h.Retire(test.before)
			if err != nil || start != test.start || h.Start() != start {
				t.Errorf("Retire(%d) = %d, %v, Start %d, want %d", test.before, start, err, h.Start(), test.start)
			}
			d = d.Restart() // it is durable
			if got := names(t, d, "commitlog/recycle"); len(got) != test.recycled {
				t.Errorf("recycled: %v, want %d", got, test.recycled)
			}
			if got := names(t, d, "commitlog"); got[0] != segmentName(test.start) {
				t.Errorf("the first segment is %s, want %s", got[0], segmentName(test.start))
			}
			h, err = openLog(d, opts, RecoverOptions{})
			if err != nil || h.Start() != test.start || h.End() != at(4*tPer+5) {
				t.Errorf("reopened: %d to %d, %v", h.Start(), h.End(), err)
			}
		})
	}
}

// reuseOnce returns a log whose third segment was the first one before.
func reuseOnce(t *testing.T) (*harness, *diskfault.FS) {
	t.Helper()
	d := diskfault.New(diskfault.Plan{})
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	fill(t, h, 0, tPer+5)
	if _, err := h.Retire(tSeg); err != nil {
		t.Fatal(err)
	}
	var allocated atomic.Int32
	d.Arm(diskfault.Plan{Hook: func(op diskfault.Op) {
		if op.Kind == diskfault.Allocate {
			allocated.Add(1)
		}
	}})
	fill(t, h, tPer+5, 2*tPer+1)
	if allocated.Load() > 0 || len(names(t, d, "commitlog/recycle")) > 0 {
		t.Fatalf("%d segments were allocated and %v is left, want the retired one used", allocated.Load(), names(t, d, "commitlog/recycle"))
	}
	return h, d
}

// Records of the segment's former life have good checksums. They lie where new
// ones would, and are not taken for such.
func TestOldRecordsOfAReusedSegmentAreNone(t *testing.T) {
	for _, n := range []int{1, 2, 7, tPer - 1, tPer} {
		h, d := reuseOnce(t)
		fill(t, h, 2*tPer+1, 2*tPer+n)
		after := d.Restart()
		h, err := openLog(after, tOptions(), RecoverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if h.End() != at(2*tPer+n-1)+tRec || len(h.found) != tPer+n {
			t.Errorf("%d new records: recovered %d up to %d, want %d up to %d", n, len(h.found), h.End(), tPer+n, at(2*tPer+n-1)+tRec)
		}
	}
}

// The same with a torn tail among old records.
func TestTornTailInAReusedSegment(t *testing.T) {
	h, d := reuseOnce(t)
	fill(t, h, 2*tPer+1, 2*tPer+20)
	after := d.Restart()
	lose(2*tPer+15)(t, after)
	h, err := openLog(after, tOptions(), RecoverOptions{})
	if err != nil || h.End() != at(2*tPer+15) || h.rec.Erased != 10*tRec {
		t.Fatalf("recovered up to %d, %+v, %v, want %d and one window erased", h.End(), h.rec, err, at(2*tPer+15))
	}
	h.run()
	mustPut(t, h, 999, tRec)
	h, err = openLog(after.Restart(), tOptions(), RecoverOptions{})
	if err != nil || h.End() != at(2*tPer+16) || h.found[at(2*tPer+15)] != 999 {
		t.Errorf("then recovered up to %d, %v, want %d", h.End(), err, at(2*tPer+16))
	}
}

func TestSparesOfLaterOffsetsAreNotUsed(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	if err := d.MkdirAll("commitlog/recycle"); err != nil {
		t.Fatal(err)
	}
	addFile(t, d, "commitlog/recycle/"+segmentName(7*tSeg), tSeg)
	addFile(t, d, "commitlog/recycle/"+segmentName(tSeg), tSeg/2)
	if err := d.Poke("commitlog/recycle/"+segmentName(7*tSeg), at(5), []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := d.SyncDir("commitlog/recycle"); err != nil {
		t.Fatal(err)
	}
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	fill(t, h, 0, 2)
	mustStop(t, h)
	if got, want := names(t, d, "commitlog/recycle"), []string{segmentName(tSeg)}; !slices.Equal(got, want) {
		t.Errorf("left in the recycle folder: %v, want the foreign file %v", got, want)
	}
	f, err := d.Open("commitlog/" + segmentName(0))
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3)
	if _, err := f.ReadAt(b, at(5)); err != nil || string(b) != "\x00\x00\x00" {
		t.Errorf("the first segment has %q, %v, where nothing was written", b, err)
	}
}

func TestFullDiskIsTemporary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diskfault.New(diskfault.Plan{Quota: 2*tSeg + 100})
		h := mustStart(t, d, tOptions(), RecoverOptions{})
		fill(t, h, 0, 2*tPer)
		refused := func() {
			t.Helper()
			end := h.End()
			if _, err := h.put(1, tRec, 1); !errors.Is(err, ErrFull) || h.End() != end {
				t.Fatalf("append to a full disk: %v, end %d, want ErrFull and %d", err, h.End(), end)
			}
			if list := names(t, d, "commitlog"); strings.HasSuffix(list[len(list)-1], tmpSuffix) {
				t.Fatalf("files %v, want no part of a segment", list)
			}
		}
		refused()
		wantRecord(t, h.Log, at(3), 3, tRec)
		d.SetQuota(3 * tSeg)
		refused() // nobody has tried again yet
		time.Sleep(retryFull + time.Second)
		synctest.Wait()
		fill(t, h, 2*tPer, 3*tPer)
		refused()
		if _, err := h.Retire(tSeg); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		fill(t, h, 3*tPer, 4*tPer)
		mustStop(t, h)
	})
}

// A segment that cannot be made for another reason than space is a failure.
func TestFailureToMakeASegment(t *testing.T) {
	for _, k := range []diskfault.Kind{diskfault.Create, diskfault.Allocate, diskfault.Sync, diskfault.Rename, diskfault.SyncDir} {
		d := diskfault.New(diskfault.Plan{})
		h := mustStart(t, d, tOptions(), RecoverOptions{})
		fill(t, h, 0, 1)
		d.Arm(diskfault.Plan{Only: k, FailAt: 1})
		var err error
		for i := 1; err == nil && i < 2*tPer; i++ {
			_, err = h.put(uint64(i), tRec, 1)
		}
		if !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
			t.Errorf("%v fails: append says %v, want ErrFailed and EIO", k, err)
		}
		if err := <-h.ended; !errors.Is(err, ErrFailed) {
			t.Errorf("%v fails: Run says %v", k, err)
		}
	}
}

// Reads race with appends, and with segments that are closed, retired and used
// again: each gets the right bytes, or hears that they are gone.
func TestReadsRaceWithRetire(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	opts := tOptions()
	opts.OpenFiles = 2
	h := mustStart(t, d, opts, RecoverOptions{})
	fill(t, h, 0, 3*tPer)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for r := range 3 {
		readers.Go(func() {
			b := make([]byte, tRec)
			for i := r; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				n := int(h.Start()/tSeg)*tPer + i%(3*tPer)
				_, err := h.ReadAt(b, at(n))
				if err != nil {
					if !errors.Is(err, fs.ErrNotExist) && at(n)+tRec <= h.Written() {
						t.Errorf("record %d: %v", n, err)
						return
					}
					continue
				}
				if size, err := checkRecord(b, at(n)); err != nil || size != tRec || recordID(b) != uint64(n) {
					t.Errorf("record %d at %d reads as %d, %v", n, at(n), recordID(b), err)
					return
				}
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
	readers.Wait()
	mustStop(t, h)
}

func TestOpenFilesAreBounded(t *testing.T) {
	d := written(t, 10*tPer)
	opts := tOptions()
	opts.OpenFiles = 3
	h, err := openLog(d, opts, RecoverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	open := func() (n int) {
		for _, s := range *h.segments.Load() {
			if s.file != nil {
				n++
			}
		}
		return n
	}
	for i := range 10 * tPer {
		wantRecord(t, h.Log, at(i*7%(10*tPer)), uint64(i*7%(10*tPer)), tRec)
		if n := open(); n > 3 || len(h.handles.open) > 3 {
			t.Fatalf("%d segments are open, %d entered, want at most 3", n, len(h.handles.open))
		}
	}
	if err := h.Close(); err != nil || open() > 0 {
		t.Errorf("Close: %v, %d segments are open", err, open())
	}
}

func TestLastFiller(t *testing.T) {
	const size = 200 << 10
	tests := []struct {
		fillers []int64
		want    int64
	}{
		{nil, -1},
		{[]int64{0}, 0},
		{[]int64{size - 8}, size - 8},
		{[]int64{100, 5000}, 5000},
		{[]int64{size - 64<<10 - 3}, size - 64<<10 - 3}, // across the edge of a read
		{[]int64{size - 64<<10 - 8}, size - 64<<10 - 8},
		{[]int64{size - 128<<10 + 2}, size - 128<<10 + 2},
		{[]int64{1}, 1},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.fillers), func(t *testing.T) {
			d := diskfault.New(diskfault.Plan{})
			f, err := d.Create("a")
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Allocate(size); err != nil {
				t.Fatal(err)
			}
			for _, at := range append(test.fillers, 70000) { // there is one that says another size
				b := make([]byte, fillerSize)
				rest := size - at
				if at == 70000 {
					rest--
				}
				putFiller(b, rest)
				if _, err := f.WriteAt(b, at); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := lastFiller(f, size); got != test.want || err != nil {
				t.Errorf("lastFiller = %d, %v, want %d", got, err, test.want)
			}
		})
	}
}
