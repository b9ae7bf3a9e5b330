package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pairmq/hal/disk/diskfault"
	"pairmq/store"
)

// peerOf is s as the other half of a pair.
func peerOf(s *store.Store) store.Peer {
	start, end := s.Bounds()
	return store.Peer{Start: start, End: end, Read: func(_ context.Context, p []byte, off int64) (int, error) { return s.ReadStored(p, off) }}
}

// compare compares all that both have.
func compare(t *testing.T, s *store.Store, p store.Peer, repair bool) []store.Finding {
	t.Helper()
	start, end := s.Bounds()
	start, end = max(start, p.Start), min(end, p.End)
	var all []store.Finding
	for at := start; at < end; {
		c, err := s.Compare(t.Context(), at, end, p, repair)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c.Findings...)
		if c.Parted {
			break
		}
		at = c.End
	}
	return all
}

// kinds lists findings as text.
func kinds(all []store.Finding) string {
	var text []string
	for _, f := range all {
		text = append(text, string(f.Kind))
	}
	return strings.Join(text, " ")
}

// A pair is a master with count messages and its slave, on disks of their own.
type pair struct {
	master, slave         *running
	masterDisk, slaveDisk *diskfault.FS
	log                   []byte
	sizes                 map[int64]int64 // of records and fillers, by offset
}

func newPair(t *testing.T, count int) *pair {
	t.Helper()
	return newPairCRC(t, count, true)
}

// newPairCRC says whether records have a checksum of all of them.
func newPairCRC(t *testing.T, count int, crc bool) *pair {
	t.Helper()
	p := &pair{masterDisk: diskfault.New(diskfault.Plan{Real: t.TempDir()}), slaveDisk: diskfault.New(diskfault.Plan{Real: t.TempDir()}), sizes: map[int64]int64{}}
	o := options(p.masterDisk, true)
	o.RecordCRC = crc
	p.master = mustStart(t, o)
	if _, err := putAll(p.master.Store, 0, count, 4, queues); err != nil {
		t.Fatal(err)
	}
	p.log = rawLog(t, p.master.ReadRaw, 0, p.master.Confirmed())
	for at := int64(0); at < int64(len(p.log)); at += p.sizes[at] {
		p.sizes[at] = int64(record32(p.log[at:]))
	}
	p.slave = mustStart(t, copyOptions(p.slaveDisk, true))
	f := p.slave.Follow()
	if err := copyLog(f, p.log, rand.New(rand.NewPCG(1, 1))); err != nil {
		t.Fatal(err)
	}
	settle(t, p.slave.Store, f)
	t.Cleanup(func() { _, _ = p.master.stop(), p.slave.stop() })
	return p
}

// starts are where records and fillers begin, in order.
func (p *pair) starts() []int64 { return slices.Sorted(maps.Keys(p.sizes)) }

// spoil changes count bytes of the log on a disk, from off on, behind its back.
func spoil(t *testing.T, d *diskfault.FS, log []byte, off int64, count int) {
	t.Helper()
	b := slices.Clone(log[off : off+int64(count)])
	for i := range b {
		b[i] ^= 0x5a
	}
	if err := d.Poke(fmt.Sprintf("commitlog/%020d", off/segment*segment), off%segment, b); err != nil {
		t.Fatal(err)
	}
}

// whole fails unless the store has every record of the log. What lies behind the
// head of a filler is nobody's.
func (p *pair) whole(t *testing.T, s *store.Store) {
	t.Helper()
	now := rawLog(t, s.ReadStored, 0, int64(len(p.log)))
	for at, size := range p.sizes {
		if bytes.HasPrefix(p.log[at+4:], []byte{0xcb, 0xd4, 0x31, 0x94}) {
			size = 8
		}
		if !bytes.Equal(now[at:at+size], p.log[at:at+size]) {
			t.Fatalf("the record at %d is not what it was", at)
		}
	}
}

// TestCompareTellsWhoIsRight damages one half of a pair, both, or none.
func TestCompareTellsWhoIsRight(t *testing.T) {
	p := newPair(t, 300)
	starts := p.starts()
	filler := int64(bytes.Index(p.log, []byte{0xcb, 0xd4, 0x31, 0x94}) - 4)
	third, last := starts[2], starts[len(starts)-1]
	middle := starts[len(starts)/2]
	tests := []struct {
		name         string
		off          int64 // in the slave's log
		count        int
		also         int64 // a byte in the master's log, if not 0
		slave, there string
	}{
		{"nothing", 0, 0, 0, "", ""},
		{"size", third + 1, 1, 0, "REPAIRED", "BAD_THERE"},
		{"magic code", third + 4, 4, 0, "REPAIRED", "BAD_THERE"},
		{"physical offset", third + 35, 1, 0, "REPAIRED", "BAD_THERE"},
		{"topic and queue", third + 12, 4, 0, "REPAIRED", "BAD_THERE"},
		{"body", middle + 90, 1, 0, "REPAIRED", "BAD_THERE"},
		{"first record", 0, 50, 0, "REPAIRED", "BAD_THERE"},
		{"last record", last + 20, 30, 0, "REPAIRED", "BAD_THERE"},
		{"many records", middle + 7, 9000, 0, "REPAIRED", ""},
		{"filler", filler + 2, 5, 0, "REPAIRED", "BAD_THERE"},
		{"behind the filler's head", filler + 8, 1, 0, "", ""},
		{"a whole segment", segment, segment, 0, "REPAIRED", ""},
		{"the same record in both", middle + 40, 9, middle + 60, "BAD_BOTH", "BAD_BOTH"},
		{"another one in each", third + 40, 9, middle + 60, "REPAIRED BAD_THERE", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spoil(t, p.slaveDisk, p.log, tt.off, tt.count)
			if tt.also > 0 {
				spoil(t, p.masterDisk, p.log, tt.also, 1)
			}
			before := rawLog(t, p.slave.ReadStored, 0, int64(len(p.log)))
			if tt.there != "" {
				if got := kinds(compare(t, p.master.Store, peerOf(p.slave.Store), false)); got != tt.there {
					t.Errorf("the master finds %q, want %q", got, tt.there)
				}
			}
			dry := kinds(compare(t, p.slave.Store, peerOf(p.master.Store), false))
			if want := strings.ReplaceAll(tt.slave, "REPAIRED", "BAD_HERE"); dry != want {
				t.Errorf("without repair the slave finds %q, want %q", dry, want)
			}
			if !bytes.Equal(rawLog(t, p.slave.ReadStored, 0, int64(len(p.log))), before) {
				t.Error("something was changed without repair")
			}
			got := compare(t, p.slave.Store, peerOf(p.master.Store), true)
			if kinds(got) != tt.slave {
				t.Errorf("the slave finds %q, want %q: %+v", kinds(got), tt.slave, got)
			}
			for _, f := range got {
				if f.Kind != store.Repaired {
					continue
				}
				if kept := readAll(t, p.slaveDisk, f.Copy); !bytes.Equal(kept, before[f.From:][:len(kept)]) || int64(len(kept)) > f.To-f.From {
					t.Errorf("%s has %d bytes, not those that were replaced from %d to %d", f.Copy, len(kept), f.From, f.To)
				}
			}
			if strings.Contains(tt.slave, "BAD_BOTH") || tt.slave == "" && tt.count > 0 {
				spoil(t, p.slaveDisk, rawLog(t, p.slave.ReadStored, 0, int64(len(p.log))), tt.off, tt.count)
			}
			p.whole(t, p.slave.Store)
			if tt.also > 0 {
				spoil(t, p.masterDisk, rawLog(t, p.master.ReadStored, 0, int64(len(p.log))), tt.also, 1)
			}
			p.whole(t, p.master.Store)
			if ours, theirs := snapshot(t, p.slave.Store, queues), snapshot(t, p.master.Store, queues); !maps.EqualFunc(ours, theirs, slices.Equal) {
				t.Error("consumers of the slave see something else")
			}
		})
	}
}

// TestCompareChangesNothingOfAnotherLog compares logs that part: one from the
// beginning, one behind a common part, with and without damage where they part.
func TestCompareChangesNothingOfAnotherLog(t *testing.T) {
	p := newPair(t, 120)
	stranger := masterOf(t, 500, 120)
	starts := p.starts()
	cut := starts[60]
	d := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	r := mustStart(t, copyOptions(d, true))
	if err := copyLog(r.Follow(), p.log[:cut], rand.New(rand.NewPCG(1, 1))); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = mustStart(t, options(d, true))
	defer r.stop()
	if _, err := putAll(r.Store, 700, 60, 4, queues); err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []bool{false, true} {
		if damaged {
			spoil(t, p.slaveDisk, p.log, cut+50, 3)
		}
		before := rawLog(t, p.slave.ReadStored, 0, int64(len(p.log)))
		got := compare(t, p.slave.Store, peerOf(r.Store), true)
		if len(got) != 1 || got[0].Kind != store.Diverged || got[0].From != cut {
			t.Errorf("logs that part at %d, damaged %t: %+v", cut, damaged, got)
		}
		if !bytes.Equal(rawLog(t, p.slave.ReadStored, 0, int64(len(p.log))), before) {
			t.Errorf("damaged %t: something was changed", damaged)
		}
	}
	spoil(t, p.slaveDisk, p.log, starts[0]+50, 3)
	if got := compare(t, p.slave.Store, peerOf(stranger.Store), true); kinds(got) != "DIVERGED" || got[0].From != 0 {
		t.Errorf("another log: %+v", got)
	}
}

// TestCompareLeavesTwoSoundRecordsAlone changes a number that no checksum covers,
// and the name of a checksum.
func TestCompareLeavesTwoSoundRecordsAlone(t *testing.T) {
	p := newPairCRC(t, 60, false)
	at := p.starts()[20]
	spoil(t, p.slaveDisk, p.log, at+17, 1) // of the application's flag
	spoil(t, p.slaveDisk, p.log, p.starts()[40]+90, 1)
	got := compare(t, p.slave.Store, peerOf(p.master.Store), true)
	if kinds(got) != "DIVERGED REPAIRED" || got[0].From != at || got[0].To != at+p.sizes[at] {
		t.Errorf("%+v", got)
	}
	p = newPair(t, 60)
	at = p.starts()[20]
	spoil(t, p.slaveDisk, p.log, at+int64(bytes.Index(p.log[at:], []byte("__CRC32#"))), 3)
	if got := kinds(compare(t, p.master.Store, peerOf(p.slave.Store), true)); got != "BAD_THERE" {
		t.Errorf("at the master: %s", got)
	}
	if got := kinds(compare(t, p.slave.Store, peerOf(p.master.Store), true)); got != "REPAIRED" {
		t.Errorf("at the slave: %s", got)
	}
	p.whole(t, p.slave.Store)
}

// TestCompareChecksItsRange asks for what one of the two does not have.
func TestCompareChecksItsRange(t *testing.T) {
	p := newPair(t, 40)
	end := int64(len(p.log))
	short := peerOf(p.master.Store)
	short.Start, short.End = 100, end-100
	for _, tt := range []struct {
		from, to int64
		peer     store.Peer
		ok       bool
	}{
		{0, end, peerOf(p.master.Store), true}, {end, end, peerOf(p.master.Store), true},
		{-1, end, peerOf(p.master.Store), false}, {0, end + 1, peerOf(p.master.Store), false}, {10, 9, peerOf(p.master.Store), false},
		{0, 1 << 62, peerOf(p.master.Store), false}, {0, end - 100, short, false}, {100, end, short, false}, {100, end - 100, short, true},
	} {
		_, err := p.slave.Compare(t.Context(), tt.from, tt.to, tt.peer, false)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("from %d to %d: %v", tt.from, tt.to, err)
		}
	}
	failing := peerOf(p.master.Store)
	gone := errors.New("gone")
	failing.Read = func(context.Context, []byte, int64) (int, error) { return 0, gone }
	if _, err := p.slave.Compare(t.Context(), 0, end, failing, true); !errors.Is(err, gone) {
		t.Errorf("a peer that does not answer: %v", err)
	}
}

// TestCompareOfLargeRecords: records are longer than what is read at once, and the
// peer gives little at a time.
func TestCompareOfLargeRecords(t *testing.T) {
	size := int64(16 << 20)
	large := func(d *diskfault.FS) store.Options {
		o := options(d, true)
		o.SegmentSize, o.ChunkBytes, o.RecordCRC = size, 0, false
		return o
	}
	masterDisk, slaveDisk := diskfault.New(diskfault.Plan{Real: t.TempDir()}), diskfault.New(diskfault.Plan{Real: t.TempDir()})
	m := mustStart(t, large(masterDisk))
	defer m.stop()
	var at []int64
	for i := range 8 {
		msg := message(i, 1)
		msg.Body = bytes.Repeat([]byte{0xda, 0xa3, 0x20, byte(i)}, 3<<18) // 3 MiB of what looks like records
		if i%3 == 2 {
			msg.Body = msg.Body[:10]
		}
		at = append(at, put(t, m.Store, msg).PhyOffset)
	}
	log := rawLog(t, m.ReadRaw, 0, m.Confirmed())
	o := large(slaveDisk)
	o.Copy = true
	s := mustStart(t, o)
	defer s.stop()
	f := s.Follow()
	for end := f.End(); end < int64(len(log)); end = f.End() {
		if err := f.AppendRaw(end, log[end:min(end+100_000, int64(len(log)))]); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, s.Store, f)
	p := peerOf(m.Store)
	read := p.Read
	p.Read = func(ctx context.Context, b []byte, off int64) (int, error) {
		return read(ctx, b[:min(len(b), 70_000)], off)
	}
	for _, off := range []int64{at[0] + 5, at[1] + 2<<20, at[3] + 3<<20, at[4] + 30, at[7] + 1<<20} {
		b := []byte{log[off] ^ 9, log[off+1] ^ 9}
		if err := slaveDisk.Poke(fmt.Sprintf("commitlog/%020d", off/size*size), off%size, b); err != nil {
			t.Fatal(err)
		}
	}
	if got := compare(t, s.Store, p, true); len(got) < 3 || kinds(got) != strings.TrimSpace(strings.Repeat("REPAIRED ", len(got))) {
		t.Errorf("%+v", got)
	}
	if got := compare(t, s.Store, p, false); len(got) != 0 {
		t.Errorf("once more: %+v", got)
	}
	for i := range at[:len(at)-1] {
		if n := int64(record32(log[at[i]:])); !bytes.Equal(rawLog(t, s.ReadStored, at[i], at[i]+n), log[at[i]:at[i]+n]) {
			t.Errorf("record %d is not mended", i)
		}
	}
}
