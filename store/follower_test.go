package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/record"
)

// masterOf returns a running store with count messages, which rolls often.
func masterOf(t *testing.T, from, count int) *running {
	t.Helper()
	r := mustStart(t, options(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true))
	t.Cleanup(func() { _ = r.stop() })
	if _, err := putAll(r.Store, from, count, 4, queues); err != nil {
		t.Fatal(err)
	}
	return r
}

// copyOptions are options of a store that copies another.
func copyOptions(fsys disk.FS, syncFlush bool) store.Options {
	o := options(fsys, syncFlush)
	o.Copy = true
	return o
}

// rawLog reads the log from off to end.
func rawLog(t *testing.T, read func([]byte, int64) (int, error), off, end int64) []byte {
	t.Helper()
	b := make([]byte, end-off)
	for n := 0; n < len(b); {
		m, err := read(b[n:], off+int64(n))
		if m == 0 {
			t.Fatalf("read %d bytes at %d: %d, %v", len(b)-n, off+int64(n), m, err)
		}
		n += m
	}
	return b
}

// copyLog lets f take all bytes of log behind its end, cut at random.
func copyLog(f *store.Follower, log []byte, rng *rand.Rand) error {
	for end := f.End(); end < int64(len(log)); end = f.End() {
		n := min(int64(1+rng.IntN(5000)), int64(len(log))-end)
		if err := f.AppendRaw(end, log[end:end+n]); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until all that f has is visible.
func settle(t *testing.T, s *store.Store, f *store.Follower) {
	t.Helper()
	waitUntil(t, func() bool { return f.Acked() == f.End() && s.Stats().VisiblePhyOffset == f.End() })
}

// TestFollowerHasItsMastersLog copies logs in pieces of any size over restarts,
// clean ones, with half a record at the end.
func TestFollowerHasItsMastersLog(t *testing.T) {
	m := masterOf(t, 0, 400)
	log := rawLog(t, m.ReadRaw, 0, m.Confirmed())
	want := snapshot(t, m.Store, queues)
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 7))
		disk := diskfault.New(diskfault.Plan{Real: t.TempDir()})
		for part := 1; part <= 4; part++ {
			r := mustStart(t, copyOptions(disk, seed%2 == 0))
			f := r.Follow()
			until := log[:len(log)*part/4]
			if err := copyLog(f, until, rng); err != nil {
				t.Fatalf("seed %d, part %d: %v", seed, part, err)
			}
			if got := rawLog(t, f.ReadRaw, 0, f.End()); !bytes.Equal(got, until) {
				at := 0
				for at < min(len(got), len(until)) && got[at] == until[at] {
					at++
				}
				t.Fatalf("seed %d, part %d: the copy has %d bytes, want %d; they differ at %d", seed, part, len(got), len(until), at)
			}
			if part == 4 {
				settle(t, r.Store, f)
				if got := snapshot(t, r.Store, queues); !maps.EqualFunc(got, want, slices.Equal) {
					t.Errorf("seed %d: a consumer sees\n%v\nwant\n%v", seed, got, want)
				}
			}
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d bytes, %d segments", len(log), len(log)/segment)
}

// TestFollowerRefusesWhatIsNoLog hands over what a broken or foreign master
// could send: nothing of it is appended, and the right bytes still fit.
func TestFollowerRefusesWhatIsNoLog(t *testing.T) {
	m := masterOf(t, 0, 100)
	log := rawLog(t, m.ReadRaw, 0, m.Confirmed())
	const first = 5 // records that are right
	var at int
	for range first {
		v, err := record.Parse(log[at:], record.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		at += v.Size()
	}
	filler := bytes.Index(log, []byte{0xcb, 0xd4, 0x31, 0x94}) - 4
	tests := []struct {
		name string
		at   int // of the byte that is wrong
		to   int // how much is handed over
	}{
		{"size", at + 1, at + 100}, {"small size", at + 3, len(log)}, {"magic code", at + 4, at + 100}, {"body checksum", at + 8, len(log)},
		{"physical offset", at + 35, len(log)}, {"body", at + 100, len(log)}, {"filler's size", filler + 3, len(log)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := mustStart(t, copyOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true))
			defer r.stop()
			f := r.Follow()
			bad := slices.Clone(log[:tt.to])
			bad[tt.at] ^= 0x41
			var err error
			for end := f.End(); err == nil && end < int64(tt.to); end = f.End() {
				err = f.AppendRaw(end, bad[end:min(end+900, int64(tt.to))])
			}
			if !errors.Is(err, store.ErrNotLog) {
				t.Fatalf("%v, want ErrNotLog", err)
			}
			if !strings.Contains(err.Error(), fmt.Sprint(tt.at)[:1]) {
				t.Errorf("%q does not say where", err)
			}
			// What was taken may hold the head of the bad record, no more.
			if f.End() > int64(tt.at) && !bytes.Equal(rawLog(t, f.ReadRaw, 0, f.End()), bad[:f.End()]) {
				t.Errorf("appended to %d", f.End())
			}
			cut, err := f.Boundary(min(f.End(), int64(tt.at)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Truncate(cut); err != nil {
				t.Fatal(err)
			}
			if err := copyLog(f, log, rand.New(rand.NewPCG(1, 1))); err != nil {
				t.Errorf("then the right bytes: %v", err)
			}
			settle(t, r.Store, f)
			if got, want := snapshot(t, r.Store, queues), snapshot(t, m.Store, queues); !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("a consumer sees\n%v\nwant\n%v", got, want)
			}
		})
	}
	r := mustStart(t, copyOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true))
	defer r.stop()
	if err := r.Follow().AppendRaw(7, log[7:]); !errors.Is(err, store.ErrNotLog) {
		t.Errorf("bytes behind a hole: %v, want ErrNotLog", err)
	}
}

// TestFollowerRefusesOtherSegmentSizes: a copy with segments of another size
// would be wrong from the first roll on, silently.
func TestFollowerRefusesOtherSegmentSizes(t *testing.T) {
	m := masterOf(t, 0, 400)
	log := rawLog(t, m.ReadRaw, 0, m.Confirmed())
	for _, size := range []int64{segment / 2, 2 * segment, segment + 4096} {
		o := copyOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true)
		o.SegmentSize = size
		r := mustStart(t, o)
		f := r.Follow()
		err := copyLog(f, log, rand.New(rand.NewPCG(2, 2)))
		if !errors.Is(err, store.ErrNotLog) || !strings.Contains(err.Error(), "mappedFileSizeCommitLog") {
			t.Errorf("segments of %d behind a master with %d: %v; want ErrNotLog that names the key", size, segment, err)
		}
		if f.End() > max(size, segment) {
			t.Errorf("segments of %d: %d bytes were taken", size, f.End())
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestFollowerBoundary finds the beginning of every record and filler.
func TestFollowerBoundary(t *testing.T) {
	m := masterOf(t, 0, 120)
	log := rawLog(t, m.ReadRaw, 0, m.Confirmed())
	r := mustStart(t, copyOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true))
	defer r.stop()
	f := r.Follow()
	part := log[:len(log)-10] // half a record at the end
	if err := copyLog(f, part, rand.New(rand.NewPCG(3, 3))); err != nil {
		t.Fatal(err)
	}
	settleWritten(t, f)
	for begin := int64(0); begin < int64(len(part)); {
		size := int64(record32(log[begin:]))
		for _, off := range []int64{begin, begin + 1, begin + size/2, begin + size - 1} {
			if got, err := f.Boundary(off); got != begin || err != nil {
				t.Fatalf("Boundary(%d) = %d, %v; want %d", off, got, err, begin)
			}
		}
		begin += size
	}
}

func record32(b []byte) int32 {
	return int32(b[0])<<24 | int32(b[1])<<16 | int32(b[2])<<8 | int32(b[3])
}

func settleWritten(t *testing.T, f *store.Follower) {
	t.Helper()
	waitUntil(t, func() bool { return f.Acked() == f.End() })
}

// TestTruncatedFollowerGoesOnAsMaster cuts a copy where histories part, lets
// another master's messages follow (R9: queue offsets stay dense), and looks
// for what was cut off in its file.
func TestTruncatedFollowerGoesOnAsMaster(t *testing.T) {
	m := masterOf(t, 0, 300)
	log := rawLog(t, m.ReadRaw, 0, m.Confirmed())
	for _, share := range []int{1, 3, 7} {
		fsys := diskfault.New(diskfault.Plan{Real: t.TempDir()})
		r := mustStart(t, copyOptions(fsys, true))
		f := r.Follow()
		if err := copyLog(f, log, rand.New(rand.NewPCG(4, 4))); err != nil {
			t.Fatal(err)
		}
		r.CommitOffset("group", "Topic0", 0, r.MaxOffset("Topic0", 0)+50)
		settle(t, r.Store, f)
		cut, err := f.Boundary(int64(len(log) * share / 8))
		if err != nil {
			t.Fatal(err)
		}
		name, err := f.Truncate(cut)
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, fsys, name); !bytes.Contains(got, log[cut:]) {
			t.Errorf("%s has %d bytes, not those from %d on", name, len(got), cut)
		}
		if off, _ := r.Offset("group", "Topic0", 0); off > r.MaxOffset("Topic0", 0) {
			t.Errorf("the group's offset is %d, the queue ends at %d (R7)", off, r.MaxOffset("Topic0", 0))
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r = mustStart(t, options(fsys, true)) // now it stores by itself
		if _, err := putAll(r.Store, 1000, 100, 4, queues); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, r.Store, queues)
		checkDense(t, before)
		for key, all := range before {
			for i, text := range all {
				if !strings.HasPrefix(text, fmt.Sprintf("%d@", i)) {
					t.Fatalf("%s: record %d is %s (R9)", key, i, text)
				}
			}
		}
		if err := errors.Join(r.stop(), fsys.Remove("meta.db")); err != nil {
			t.Fatal(err)
		}
		r = mustStart(t, options(fsys, true))
		if after := snapshot(t, r.Store, queues); !maps.EqualFunc(before, after, slices.Equal) {
			t.Errorf("the index rebuilt from the log differs:\n%v\nwas\n%v", after, before)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSegmentsAreGivenBackBesideACut cuts a copy off while its old segments are looked
// at over and over: who looks must not go by an end that is no more.
func TestSegmentsAreGivenBackBesideACut(t *testing.T) {
	m := masterOf(t, 0, 300)
	log := rawLog(t, m.ReadRaw, 0, m.Confirmed())
	r := mustStart(t, copyOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true))
	f := r.Follow()
	for round := range 40 {
		if err := copyLog(f, log, rand.New(rand.NewPCG(4, uint64(round)))); err != nil {
			t.Fatal(err)
		}
		settle(t, r.Store, f)
		cut, err := f.Boundary(int64(len(log) * (1 + round%6) / 8))
		if err != nil {
			t.Fatal(err)
		}
		done, cleaned := make(chan struct{}), make(chan error, 1)
		begun := make(chan struct{})
		go func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					cleaned <- nil
					return
				default:
				}
				if err := r.Clean(time.Now()); err != nil {
					cleaned <- fmt.Errorf("round %d: %w", round, err)
					return
				}
				if n == 0 {
					close(begun)
				}
			}
		}()
		<-begun
		_, err = f.Truncate(cut)
		close(done)
		if err := errors.Join(err, <-cleaned); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

func readAll(t *testing.T, fsys disk.FS, name string) []byte {
	t.Helper()
	f, err := fsys.Open(name)
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

// TestFollowerLosesPowerAtEveryOperation cuts the power at each operation of a
// copy that truncates once (R4). What was acknowledged is there, what is there
// is the master's, and the copy goes on to the end.
func TestFollowerLosesPowerAtEveryOperation(t *testing.T) {
	m := masterOf(t, 0, 60)
	log := rawLog(t, m.ReadRaw, 0, m.Confirmed())
	want := snapshot(t, m.Store, queues)
	tried := 0
	for cutAt, through := 1, false; !through; cutAt++ {
		through = true
		for seed := range uint64(2) {
			fsys := diskfault.New(diskfault.Plan{Seed: seed, CutAt: cutAt, Real: t.TempDir()})
			acked, err := copyAndTruncate(fsys, log, seed)
			if err == nil && !fsys.Struck() {
				continue
			}
			through, tried = false, tried+1
			fsys = fsys.Restart()
			r := mustStart(t, copyOptions(fsys, true))
			f := r.Follow()
			if end := f.End(); end < acked || !bytes.Equal(rawLog(t, f.ReadRaw, 0, end), log[:end]) {
				t.Fatalf("cut %d seed %d: the log ends at %d, %d were acknowledged, or differs", cutAt, seed, end, acked)
			}
			if err := copyLog(f, log, rand.New(rand.NewPCG(seed, 9))); err != nil {
				t.Fatalf("cut %d seed %d: go on: %v", cutAt, seed, err)
			}
			settle(t, r.Store, f)
			if got := snapshot(t, r.Store, queues); !maps.EqualFunc(got, want, slices.Equal) {
				t.Fatalf("cut %d seed %d: a consumer sees\n%v\nwant\n%v", cutAt, seed, got, want)
			}
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("power was cut at %d points of the copy", tried)
}

// copyAndTruncate copies half the log, cuts a piece off, copies all, and
// returns the end that must survive whatever comes.
func copyAndTruncate(fsys *diskfault.FS, log []byte, seed uint64) (acked int64, err error) {
	r, err := start(copyOptions(fsys, true))
	if err != nil {
		return 0, err
	}
	f := r.Follow()
	rng := rand.New(rand.NewPCG(seed, 8))
	err = copyLog(f, log[:len(log)/2], rng)
	if err == nil {
		var cut int64
		if cut, err = f.Boundary(int64(len(log) / 3)); err == nil {
			_, err = f.Truncate(cut)
		}
	}
	if err == nil {
		err = copyLog(f, log, rng)
		for acked < f.Acked() { // half a record is cut off at the next start
			n := int64(record32(log[acked:]))
			if acked+n > f.Acked() {
				break
			}
			acked += n
		}
	}
	if serr := r.stop(); err == nil {
		err = serr
	}
	if errors.Is(err, fs.ErrClosed) {
		return acked, nil
	}
	return acked, err
}

// waitUntil looks again and again until ok.
func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it did not come to that in 10 s")
		}
	}
}

// TestTruncateOfALogThatWentRound cuts a log back into its oldest segment: of the
// chunk of the index that is cut with it, the beginning was given back.
func TestTruncateOfALogThatWentRound(t *testing.T) {
	opts := options(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true)
	opts.ChunkBytes = 64 << 10 // two segments
	var r *running
	var f *store.Follower
	var end int64
	kept := 0 // records that consumers see of the half segment that is to stay
	for n := 0; kept == 0; {
		opts.MaxBytes = 2600 << 10
		r = mustStart(t, opts)
		for more := true; more; more = r.Stats().MinPhyOffset%(2*segment) == 0 {
			if _, err := putAll(r.Store, n, 20, 4, queues); err != nil || n > 20_000 {
				t.Fatalf("after %d messages: %v", n, err)
			}
			n += 20
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		opts.MaxBytes = 0 // nothing goes meanwhile
		r = mustStart(t, opts)
		f = r.Follow()
		var err error
		if end, err = f.Boundary(f.Start() + segment/2); err != nil {
			t.Fatal(err)
		}
		// None, if the stop came when the index had forgotten the segment, and the log had not.
		if kept = seenBelow(t, r.Store, end); kept == 0 {
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := f.Truncate(end); err != nil {
		t.Fatalf("cut the log that starts at %d to %d: %v", f.Start(), end, err)
	}
	if err := f.Done(); err != nil {
		t.Fatal(err)
	}
	if got := put(t, r.Store, message(0, 1)).PhyOffset; got != end {
		t.Errorf("cut to %d, the log goes on at %d", end, got)
	}
	if seen := seenBelow(t, r.Store, end); seen != kept || kept < 20 {
		t.Errorf("consumers see %d records of half a segment, before it was cut %d", seen, kept)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// seenBelow counts the records before end that consumers see.
func seenBelow(t *testing.T, s *store.Store, end int64) (n int) {
	t.Helper()
	for key, records := range snapshot(t, s, queues) {
		for _, r := range records {
			var offset, phy int64
			if _, err := fmt.Sscanf(r, "%d@%d", &offset, &phy); err != nil {
				t.Fatalf("%s: %q: %v", key, r, err)
			}
			if phy < end {
				n++
			}
		}
	}
	return n
}
