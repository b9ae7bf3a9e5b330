package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
	"pairmq/store"
)

// TestAReadOnlyStoreIsMended damages a log in the middle, lets the store find it
// at its start, mends it, and starts again: as a master and as a slave.
func TestAReadOnlyStoreIsMended(t *testing.T) {
	p := newPair(t, 300)
	starts := p.starts()
	for _, slave := range []bool{true, false} {
		r, d, other, opts := p.slave, p.slaveDisk, p.master, copyOptions
		if !slave {
			r, d, other, opts = p.master, p.masterDisk, p.slave, func(d disk.FS, sync bool) store.Options { return options(d, sync) }
		}
		want := snapshot(t, r.Store, queues)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{3, len(starts) / 2, len(starts) - 20} {
			spoil(t, d, p.log, starts[at]+40, 5)
			spoil(t, d, p.log, starts[at+5]+2, 300)
		}
		if err := d.Remove("meta.db"); err != nil { // so that all is read
			t.Fatal(err)
		}
		r = mustStart(t, opts(d, true))
		if _, end := r.Bounds(); !r.Stats().ReadOnly || end != int64(len(p.log)) {
			t.Fatalf("slave %t: read-only %t, the log ends at %d, want %d", slave, r.Stats().ReadOnly, end, len(p.log))
		}
		if slave {
			r.Follow() // as the daemon does
		}
		if got := compare(t, r.Store, peerOf(other.Store), true); kinds(got) != strings.TrimSpace(strings.Repeat("REPAIRED ", len(got))) || len(got) < 6 {
			t.Errorf("slave %t: %+v", slave, got)
		}
		p.whole(t, r.Store)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r = mustStart(t, opts(d, true))
		if r.Stats().ReadOnly || r.Confirmed() != int64(len(p.log)) {
			t.Errorf("slave %t: after the repair read-only %t, the log ends at %d, want %d", slave, r.Stats().ReadOnly, r.Confirmed(), len(p.log))
		}
		if got := snapshot(t, r.Store, queues); !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("slave %t: consumers see something else", slave)
		}
		if slave {
			p.slave = r
		} else {
			p.master = r
		}
	}
}

// TestARepairLosesPowerAtEveryOperation: whatever is left, the log is no worse,
// and a second comparison finds and mends it.
func TestARepairLosesPowerAtEveryOperation(t *testing.T) {
	p := newPair(t, 60)
	starts := p.starts()
	bad := []int{5, 6, 7, 30}
	if err := p.slave.stop(); err != nil {
		t.Fatal(err)
	}
	tried, torn := 0, 0
	for cut := 1; ; cut++ {
		d := p.slaveDisk.RestartWith(0)
		for _, i := range bad {
			spoil(t, d, p.log, starts[i]+30, int(p.sizes[starts[i]])-60)
		}
		r := mustStart(t, copyOptions(d, true))
		d.Arm(diskfault.Plan{Seed: uint64(cut), CutAt: cut})
		_, err := r.Compare(t.Context(), 0, int64(len(p.log)), peerOf(p.master.Store), true)
		struck := d.Struck()
		_ = r.stop() // its power is gone
		if !struck {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		for seed := range uint64(8) {
			after := d.RestartWith(seed)
			r := mustStart(t, copyOptions(after, true))
			now := rawLog(t, r.ReadStored, 0, int64(len(p.log)))
			for i, at := range starts {
				if same := bytes.Equal(now[at:at+p.sizes[at]], p.log[at:at+p.sizes[at]]); !same && !slices.Contains(bad, i) {
					t.Fatalf("cut %d, seed %d: record %d was good and is not any more", cut, seed, i)
				}
			}
			got := compare(t, r.Store, peerOf(p.master.Store), true)
			if len(got) > 0 && len(got) != 2 {
				torn++
			}
			for _, f := range got {
				if f.Kind != store.Repaired {
					t.Fatalf("cut %d, seed %d: %+v", cut, seed, got)
				}
			}
			p.whole(t, r.Store)
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
			tried++
		}
	}
	t.Logf("%d outcomes of power cuts, %d left a part of the damage", tried, torn)
	if tried == 0 || torn == 0 {
		t.Error("no cut came between")
	}
	p.slave = mustStart(t, copyOptions(p.slaveDisk.Restart(), true))
}

// TestAnyDamageIsMended damages random bytes of random lengths.
func TestAnyDamageIsMended(t *testing.T) {
	p := newPair(t, 200)
	rng := rand.New(rand.NewPCG(3, 3))
	for round := range 60 {
		for range 1 + rng.IntN(4) {
			off := rng.Int64N(int64(len(p.log) - 1))
			room := min(segment-off%segment, int64(len(p.log))-off)
			spoil(t, p.slaveDisk, p.log, off, int(1+rng.Int64N(min(room, 2000))))
		}
		found := map[int64]bool{} // in pieces that end anywhere, as the command line asks for them
		for at, end := int64(0), int64(len(p.log)); at < end; {
			c, err := p.slave.Compare(t.Context(), at, min(at+5000, end), peerOf(p.master.Store), false)
			if err != nil || c.End <= at {
				t.Fatalf("round %d: compared from %d to %d, %v", round, at, c.End, err)
			}
			for _, f := range c.Findings {
				if found[f.From] = true; f.Kind != store.BadHere || f.Note != "" {
					t.Fatalf("round %d: %+v", round, f)
				}
			}
			at = c.End
		}
		for _, f := range compare(t, p.slave.Store, peerOf(p.master.Store), true) {
			if f.Kind != store.Repaired || !found[f.From] {
				t.Fatalf("round %d: %+v, found before %v", round, f, found)
			}
		}
		p.whole(t, p.slave.Store)
	}
}

// A badFS has a sector in its first segment that cannot be read until it was
// written.
type badFS struct {
	disk.FS
	at   int64
	good atomic.Bool
}

type badFile struct {
	disk.File
	fs *badFS
}

func (f *badFS) Open(name string) (disk.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || name != fmt.Sprintf("commitlog/%020d", 0) {
		return file, err
	}
	return &badFile{file, f}, nil
}

func (f *badFile) ReadAt(p []byte, off int64) (int, error) {
	if off < f.fs.at+512 && off+int64(len(p)) > f.fs.at && !f.fs.good.Load() {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(p, off)
}

func (f *badFile) WriteAt(p []byte, off int64) (int, error) {
	if off <= f.fs.at && off+int64(len(p)) >= f.fs.at+512 {
		f.fs.good.Store(true)
	}
	return f.File.WriteAt(p, off)
}

// TestAnUnreadableSectorIsMended: flash does not return wrong bytes so much as none.
func TestAnUnreadableSectorIsMended(t *testing.T) {
	p := newPair(t, 120)
	if err := p.slave.stop(); err != nil {
		t.Fatal(err)
	}
	bad := &badFS{FS: p.slaveDisk, at: 8 << 10}
	bad.good.Store(true)
	p.slave = mustStart(t, copyOptions(bad, true))
	bad.good.Store(false)
	if got := kinds(compare(t, p.master.Store, peerOf(p.slave.Store), true)); got == "" || strings.Contains(got, "REPAIRED") {
		t.Errorf("the master finds %s", got)
	}
	if got := kinds(compare(t, p.slave.Store, peerOf(p.master.Store), true)); got != "REPAIRED" {
		t.Errorf("the slave finds %s", got)
	}
	p.whole(t, p.slave.Store)
}

// TestAStoreIsMendedBesideEverything stores messages and gives old segments back
// while the log is compared and mended.
func TestAStoreIsMendedBesideEverything(t *testing.T) {
	p := newPair(t, 600)
	if err := p.master.stop(); err != nil {
		t.Fatal(err)
	}
	o := options(p.masterDisk, true)
	o.Reserved = time.Millisecond // Clean takes all but the newest segment
	p.master = mustStart(t, o)
	starts := p.starts()
	done, begun := make(chan error, 1), make(chan struct{})
	go func() {
		<-begun
		_, err := putAll(p.master.Store, 1000, 600, 4, queues)
		for n := int64(1); err == nil && n < 4; n++ { // the first segments, as retention does
			err = p.master.Clean(time.Now()) // Reserved is a millisecond
			if err == nil {
				_, err = putAll(p.master.Store, 2000+int(n)*100, 100, 4, queues)
			}
		}
		done <- err
	}()
	mended := 0
	for ended := false; !ended; {
		at := starts[len(starts)/2+mended%20]
		err := p.masterDisk.Poke(fmt.Sprintf("commitlog/%020d", at/segment*segment), at%segment+95, []byte{p.log[at+95] ^ 1})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		start, end := p.master.Bounds()
		peer := peerOf(p.slave.Store)
		c, err := p.master.Compare(t.Context(), max(start, at-at%segment), min(end, peer.End), peer, true)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		for _, f := range c.Findings {
			if f.Kind != store.Repaired {
				t.Fatalf("%+v", f)
			}
			if mended++; mended == 1 {
				close(begun)
			}
		}
		select {
		case err := <-done:
			if ended = true; err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
	t.Logf("%d records were mended meanwhile", mended)
	if err := p.master.stop(); err != nil {
		t.Fatal(err)
	}
	p.master = mustStart(t, options(p.masterDisk, true)) // nothing is old any more
	before := snapshot(t, p.master.Store, queues)
	if err := errors.Join(p.master.stop(), p.masterDisk.Remove("meta.db")); err != nil {
		t.Fatal(err)
	}
	p.master = mustStart(t, options(p.masterDisk, true))
	after := snapshot(t, p.master.Store, queues)
	for key, b := range before { // the stop may come when the index has forgotten a segment that the log still has
		if a := after[key]; len(a) < len(b) || !slices.Equal(b, a[len(a)-len(b):]) {
			t.Errorf("%s: after a restart without an index consumers see\n%v\nand saw\n%v", key, a, b)
		}
	}
	if len(before) == 0 || p.master.Stats().ReadOnly {
		t.Errorf("%d queues; read-only %t", len(before), p.master.Stats().ReadOnly)
	}
}
