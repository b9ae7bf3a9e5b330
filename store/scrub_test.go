package store_test

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
)

// readOver has the store read all of its log over, as it does in time.
func readOver(t *testing.T, s *store.Store) {
	t.Helper()
	for range s.Stats().MaxPhyOffset/segment + 1 {
		if err := s.Scrub(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamageIsFoundAndMended spoils one byte after the other in sealed segments of
// a running slave: reading the log over finds each, and the master's copy mends it.
func TestDamageIsFoundAndMended(t *testing.T) {
	p := newPair(t, 600)
	if err := p.slave.stop(); err != nil {
		t.Fatal(err)
	}
	heals := false
	opts := copyOptions(p.slaveDisk, true)
	opts.Flawed = func(ctx context.Context, flaws []store.Flaw) (gone []store.Flaw) {
		for _, f := range flaws {
			if !heals {
				continue
			}
			if c, err := p.slave.Compare(ctx, f.From, f.To, peerOf(p.master.Store), true); err != nil || len(c.Findings) != 1 || c.Findings[0].Kind != store.Repaired {
				t.Error(c, err)
			}
		}
		return nil
	}
	p.slave = mustStart(t, opts)
	readOver(t, p.slave.Store)
	if f := p.slave.Flaws(); len(f) != 0 {
		t.Fatalf("of a sound log it says %v", f)
	}
	starts := p.starts()
	found := 0
	for n, at := range starts[:len(starts)/2] {
		if n%7 != 0 || bytes.HasPrefix(p.log[at+4:], []byte{0xcb, 0xd4, 0x31, 0x94}) { // what lies behind a filler's head is nobody's
			continue
		}
		heals = false
		spoil(t, p.slaveDisk, p.log, at+int64(n)%p.sizes[at], 1)
		readOver(t, p.slave.Store)
		if f := p.slave.Flaws(); len(f) != 1 || f[0].From != at || f[0].To != at+p.sizes[at] && f[0].To%segment != 0 { // a filler is not looked for
			t.Fatalf("byte %d of the record at %d is spoiled, found %v", int64(n)%p.sizes[at], at, f)
		}
		found++
		heals = true
		readOver(t, p.slave.Store)
		if f := p.slave.Flaws(); len(f) != 0 {
			t.Fatalf("after the repair at %d it says %v", at, f)
		}
	}
	p.whole(t, p.slave.Store)
	t.Logf("%d bytes were spoiled, found and mended", found)
}

// TestDamageIsNeverServed spoils every 13th byte of some records in segments that
// nobody has read since the start.
func TestDamageIsNeverServed(t *testing.T) {
	fs := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	r := mustStart(t, options(fs, true))
	acks, err := putAll(r.Store, 0, 400, 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	tried := 0
	opts := options(fs, true)
	opts.Flawed = func(context.Context, []store.Flaw) []store.Flaw { return nil } // somebody may have it
	r = mustStart(t, opts)
	log := rawLog(t, r.ReadRaw, 0, r.Confirmed())
	for _, a := range acks[:40:40] {
		size := int64(record32(log[a.phy:]))
		if a.phy+size > segment { // the last segments were read by recovery
			break
		}
		topic := message(a.n, 1).Topic
		for at := a.phy; at < a.phy+size; at += 13 {
			spoil(t, fs, log, at, 1)
			g, err := r.Get(topic, 0, a.offset, 1, 1<<20, nil)
			if err == nil && g.Status == store.Found {
				t.Fatalf("with byte %d of the record at %d spoiled it is served", at-a.phy, a.phy)
			}
			if err := fs.Poke("commitlog/00000000000000000000", at, log[at:at+1]); err != nil {
				t.Fatal(err)
			}
			tried++
		}
		if g, err := r.Get(topic, 0, a.offset, 1, 1<<20, nil); err != nil || g.Status != store.Found {
			t.Fatalf("the sound record at %d is not served: %v, %v", a.phy, g.Status, err)
		}
	}
	if tried == 0 {
		t.Fatal("nothing was tried")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d spoiled bytes, none served", tried)
}

// TestAnIdleStoreReadsItsLogOver, one piece a minute, and writes nothing.
func TestAnIdleStoreReadsItsLogOver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fs := diskfault.New(diskfault.Plan{Real: dir})
		r := mustStart(t, options(fs, true))
		defer r.cancel()
		acks, err := putAll(r.Store, 0, 600, 8, queues)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		log := rawLog(t, r.ReadRaw, 0, r.Confirmed())
		spoil(t, fs, log, acks[7].phy+60, 3)
		before := fs.Stats()
		segments := r.Stats().MaxPhyOffset / segment
		<-time.After(time.Duration(segments+1) * time.Minute)
		if f := r.Flaws(); len(f) != 1 || f[0].From != acks[7].phy {
			t.Errorf("after %d minutes for %d segments it has found %v, want the record at %d", segments+1, segments, f, acks[7].phy)
		}
		if now := fs.Stats(); now.Ops != before.Ops || now.BytesWritten != before.BytesWritten || now.Syncs != before.Syncs {
			t.Errorf("reading changed the disk: %+v, then %+v", before, now)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCleanAtHalfARecord: the log of a slave may end within the first record of a
// segment, whose time cannot be read then.
func TestCleanAtHalfARecord(t *testing.T) {
	m := masterOf(t, 0, 200)
	log := rawLog(t, m.ReadRaw, 0, m.Confirmed())
	opts := copyOptions(diskfault.New(diskfault.Plan{Real: t.TempDir()}), true)
	opts.Reserved = time.Millisecond
	r := mustStart(t, opts)
	f := r.Follow()
	if err := f.AppendRaw(0, log[:segment]); err != nil {
		t.Fatal(err)
	}
	for end := segment; end < segment+120; end++ {
		if err := f.AppendRaw(f.End(), log[end:end+1]); err != nil {
			t.Fatal(err)
		}
		for r.Stats().DurablePhyOffset < int64(end)+1 {
			runtime.Gosched()
		}
		if err := r.Clean(time.Now()); err != nil {
			t.Fatalf("with %d bytes of a segment: %v", end-segment+1, err)
		}
	}
	if r.Stats().MinPhyOffset != segment {
		t.Errorf("the log begins at %d, want %d: all before is old", r.Stats().MinPhyOffset, segment)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
}
