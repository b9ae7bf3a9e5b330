package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
	"pairmq/store/table"
)

// queues is how many queues each topic of these tests has.
const queues = 2

// A life is one run of the workload on one disk: what was acknowledged in it.
type life struct {
	acks   []ack
	topics []string // acknowledged topics
}

// A policy says when a store of these tests forces messages to flash, and whether
// it has room for all of them.
type policy string

const (
	strict policy = "SYNC_FLUSH"
	late   policy = "ASYNC_FLUSH"
	mixed  policy = "SYNC_FLUSH, one topic lazy, little room"
)

// lazyTopic is one that may be lost with mixed.
const lazyTopic = "Topic1"

func (p policy) options(fs *diskfault.FS) store.Options {
	o := options(fs, p != late)
	if p == mixed {
		o.MaxBytes = 320 << 10
		o.Within = func(topic string) time.Duration {
			if topic == lazyTopic {
				return time.Hour
			}
			return 0
		}
	}
	return o
}

// promises says whether a power cut must leave what a was told of, with s as
// what is left.
func (p policy) promises(a ack, s *store.Store) bool {
	switch p {
	case late:
		return false
	case mixed: // the index forgets first what is given back, never anything of the newest segment
		m := message(a.n, queues)
		newest := s.Stats().MaxPhyOffset / segment * segment
		return m.Topic != lazyTopic && (a.phy >= newest || a.offset >= s.MinOffset(m.Topic, m.QueueID))
	}
	return true
}

// live runs the workload on fs until it is done or the disk fails: a first run
// that stores and stops cleanly, then a second that goes on where it ended.
func live(fs *diskfault.FS, p policy) (l life, err error) {
	for run := range 2 {
		r, err := start(p.options(fs))
		if err != nil {
			return l, err
		}
		topic := fmt.Sprintf("Made%d", run)
		if err = r.PutTopic(table.Topic{Name: topic, ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6}); err == nil {
			l.topics = append(l.topics, topic)
		}
		if err == nil {
			var acks []ack
			acks, err = putAll(r.Store, run*100, 100, 7, queues)
			l.acks = append(l.acks, acks...)
			r.CommitOffset("group", "Topic0", 0, int64(len(l.acks)))
		}
		if serr := r.stop(); err == nil {
			err = serr
		}
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

// verify opens what is left of a life and says whether its promises held. The
// index must also be the same as one rebuilt from the log alone.
func verify(t *testing.T, fs *diskfault.FS, l life, p policy) {
	t.Helper()
	opts := p.options(fs)
	opts.MaxBytes = 0 // nothing goes while one looks
	r := mustStart(t, opts)
	if st := r.Stats(); st.ReadOnly {
		t.Fatalf("the store opened read-only")
	}
	for _, a := range l.acks {
		if !p.promises(a, r.Store) {
			continue
		}
		if err := checkAcked(r.Store, a, queues); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range l.topics {
		if _, ok := r.Topic(name); !ok {
			t.Fatalf("topic %s was acknowledged and is gone", name)
		}
	}
	before := snapshot(t, r.Store, queues)
	checkDense(t, before)
	if err := r.stop(); err != nil {
		t.Fatalf("stop after recovery: %v", err)
	}
	if err := fs.Remove("meta.db"); err != nil {
		t.Fatal(err)
	}
	r = mustStart(t, opts)
	after := snapshot(t, r.Store, queues)
	same := maps.EqualFunc(before, after, slices.Equal)
	if p == mixed { // it may know what was about to be given back
		same = true
		for key, b := range after {
			a := before[key]
			same = same && len(b) >= len(a) && slices.Equal(a, b[len(b)-len(a):])
		}
	}
	if !same {
		t.Fatalf("the index rebuilt from the log differs:\n%v\nwas\n%v", after, before)
	}
	// Life goes on: what is stored now must survive beside what is old.
	acks, err := putAll(r.Store, 1000, 20, 4, queues)
	if err != nil {
		t.Fatalf("put after recovery: %v", err)
	}
	for _, a := range acks {
		if err := checkAcked(r.Store, a, queues); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// checkDense demands that no message stands twice in a queue.
func checkDense(t *testing.T, all map[string][]string) {
	t.Helper()
	for key, records := range all {
		if n := len(slices.Compact(slices.Sorted(slices.Values(records)))); n != len(records) {
			t.Fatalf("%s holds a record twice: %v", key, records)
		}
	}
}

// TestPowerCutAtEveryOperation cuts the power at the first, second, third …
// disk operation of the workload, in several ways each, until it runs through.
func TestPowerCutAtEveryOperation(t *testing.T) {
	for _, p := range []policy{strict, late, mixed} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			tried, seeds := 0, uint64(choices)
			if testing.Short() {
				seeds = 1
			}
			for cut, through := 1, false; !through; cut++ {
				through = true
				for seed := range seeds {
					fs := diskfault.New(diskfault.Plan{Seed: seed, CutAt: cut, Real: t.TempDir()})
					l, err := live(fs, p)
					if err == nil && !fs.Struck() {
						continue
					}
					through, tried = false, tried+1
					verifyNamed(t, fmt.Sprintf("cut %d seed %d", cut, seed), fs.Restart(), l, p)
				}
			}
			t.Logf("power was cut at %d points of the workload", tried)
		})
	}
}

// TestFailureOfEveryOperation lets each disk operation fail once: no false OK,
// and the next start recovers.
func TestFailureOfEveryOperation(t *testing.T) {
	plans := map[string]func(n int) diskfault.Plan{
		"EIO once":       func(n int) diskfault.Plan { return diskfault.Plan{FailAt: n} },
		"EIO from there": func(n int) diskfault.Plan { return diskfault.Plan{FailAt: n, Sticky: true} },
		"ENOSPC once":    func(n int) diskfault.Plan { return diskfault.Plan{FailAt: n, Err: syscall.ENOSPC} },
		"a short write":  func(n int) diskfault.Plan { return diskfault.Plan{ShortAt: n} },
	}
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tried := 0
			for n := 1; ; n++ {
				p := plan(n)
				p.Seed, p.Real = uint64(n), t.TempDir()
				fs := diskfault.New(p)
				l, err := live(fs, strict)
				if err == nil && !fs.Struck() && p.ShortAt > 0 && fs.Ops() > n {
					continue // that operation was no write
				}
				if err == nil && !fs.Struck() {
					break
				}
				tried++
				verifyNamed(t, fmt.Sprintf("failure %d", n), fs.Restart(), l, strict)
			}
			t.Logf("%d operations failed in turn", tried)
		})
	}
}

// TestFaultsWhileTheIndexIsRebuilt: chunks go to the index's file while the log is
// still being read; a cut between any two of them loses nothing, and a commit that
// fails is told.
func TestFaultsWhileTheIndexIsRebuilt(t *testing.T) {
	plans := map[string]func(n int) diskfault.Plan{
		"power cut":            func(n int) diskfault.Plan { return diskfault.Plan{CutAt: n} },
		"a commit that failed": func(n int) diskfault.Plan { return diskfault.Plan{FailAt: n, Only: diskfault.Atomic} },
	}
	for name, plan := range plans {
		t.Run(name, func(t *testing.T) {
			tried := 0
			for n, through := 1, false; !through; n++ {
				p := plan(n)
				p.Seed, p.Real = uint64(n), t.TempDir()
				through = !rebuiltWith(t, p)
				tried++
			}
			t.Logf("%d points of the rebuilding", tried-1)
		})
	}
}

// rebuiltWith has a store rebuild its index on a disk with a fault, and then on one
// without. It says whether the fault struck.
func rebuiltWith(t *testing.T, p diskfault.Plan) (struck bool) {
	t.Helper()
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	r := mustStart(t, options(fs, true))
	acks, err := putAll(r.Store, 0, 150, 16, queues)
	if err := errors.Join(err, r.stop(), fs.Remove("meta.db")); err != nil {
		t.Fatal(err)
	}
	fs.Arm(p)
	s, err := store.Open(options(fs, true))
	if struck = fs.Struck(); err == nil {
		if struck {
			t.Errorf("%v: Open says nothing of it", fs)
		}
		_ = s.Close()
	}
	what := fs.String()
	s, err = store.Open(options(fs.Restart(), true))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, a := range acks {
		if err := checkAcked(s, a, queues); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return struck
}

// verifyNamed is verify; a failure says what was done to the disk.
func verifyNamed(t *testing.T, what string, fs *diskfault.FS, l life, p policy) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("this was %s; %d messages were acknowledged", what, len(l.acks))
		}
	}()
	verify(t, fs, l, p)
}

// TestABurstGoesRound: old segments are given back as fast as new ones are
// filled, not only when the clock says so, and become the new ones.
func TestABurstGoesRound(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		opts := options(diskfault.New(diskfault.Plan{Real: dir}), true)
		opts.MaxBytes, opts.ChunkBytes = 2600<<10, 64<<10 // of that meta.db has 2 MiB
		r := mustStart(t, opts)
		defer r.cancel()
		begin := time.Now()
		for n := 0; n < 1600; n += 20 { // a fifth of a segment
			if _, err := putAll(r.Store, n, 20, 4, queues); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if st := r.Stats(); st.StoreBytes > opts.MaxBytes {
				t.Fatalf("after %d messages the store has %d bytes, want at most %d", n+20, st.StoreBytes, opts.MaxBytes)
			}
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the burst took %v: the clock may have given segments back", took)
		}
		if st := r.Stats(); st.MinPhyOffset < 10*segment {
			t.Errorf("the log begins at %d, it went round less often than it should", st.MinPhyOffset)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestDiskFullIsAStateThatEnds fills the disk, frees it, and goes on.
func TestDiskFullIsAStateThatEnds(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fs := diskfault.New(diskfault.Plan{Quota: 64<<10 + 8*segment, Real: dir})
		r := mustStart(t, options(fs, true))
		acks, err := putAll(r.Store, 0, 2000, 8, queues)
		if !errors.Is(err, store.ErrDiskFull) {
			t.Fatalf("2000 messages into eight segments: %v, want ErrDiskFull", err)
		}
		for _, a := range acks {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatal(err)
			}
		}
		fs.SetQuota(64<<10 + 64*segment)
		<-time.After(6 * time.Second) // the log looks for room every five
		more, err := putAll(r.Store, 5000, 200, 8, queues)
		if err != nil {
			t.Fatalf("nothing can be stored after room was made: %v", err)
		}
		for _, a := range append(acks, more...) {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestNothingIsVisibleBeforeItIsDurable holds the sync back and looks.
func TestNothingIsVisibleBeforeItIsDurable(t *testing.T) {
	entered, release := make(chan struct{}, 100), make(chan struct{})
	var hold atomic.Bool
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir(), Hook: func(op diskfault.Op) {
		if hold.Load() && op.Kind == diskfault.Datasync && op.Name == "commitlog/00000000000000000000" {
			entered <- struct{}{}
			<-release
		}
	}})
	r := mustStart(t, options(fs, true))
	hold.Store(true)
	done := make(chan error, 1)
	m := message(0, queues)
	if err := r.Put(sliceOf(m), func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	<-entered // the bytes are written, the sync has begun
	if end := r.MaxOffset(m.Topic, m.QueueID); end != 0 {
		t.Errorf("MaxOffset is %d before the sync returned, want 0", end)
	}
	if g, err := r.Get(m.Topic, m.QueueID, 0, 1, 1<<20, nil); err != nil || g.Status == store.Found {
		t.Errorf("Get before the sync returned finds %v, %v", g.Status, err)
	}
	select {
	case err := <-done:
		t.Errorf("the sender was answered (%v) before the sync returned", err)
	default:
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if g, err := r.Get(m.Topic, m.QueueID, 0, 1, 1<<20, nil); err != nil || g.Status != store.Found {
		t.Errorf("Get after the sync finds %v, %v", g.Status, err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestAKillCostsNothingEvenWithoutSyncs kills the process, not the power, under
// ASYNC_FLUSH: what was acknowledged is in the kernel's hands.
func TestAKillCostsNothingEvenWithoutSyncs(t *testing.T) {
	for round := range 10 {
		fs := diskfault.New(diskfault.Plan{Seed: uint64(round), Real: t.TempDir()})
		r := mustStart(t, options(fs, false))
		acks, err := putAll(r.Store, 0, 20+20*round, 9, queues)
		if err != nil {
			t.Fatal(err)
		}
		left := fs.Kill()
		_ = r.stop() // it is dead already: this frees its goroutines
		r = mustStart(t, options(left, false))
		for _, a := range acks {
			if err := checkAcked(r.Store, a, queues); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
}
