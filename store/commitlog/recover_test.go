package commitlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pairmq/hal/disk/diskfault"
)

// Sizes of the recovery tests: a log of equal records, 40 in a segment of 4096
// with a filler of 96, and a window of ten.
const (
	tSeg = 4096
	tRec = 100
	tPer = 40
)

func tOptions() Options {
	return Options{SegmentSize: tSeg, SyncFlush: true, BatchBytes: 10 * tRec}
}

// at is where the i-th record lies.
func at(i int) int64 { return int64(i/tPer*tSeg + i%tPer*tRec) }

// written returns a disk with a log of n records, stopped in order.
func written(t testing.TB, n int) *diskfault.FS {
	t.Helper()
	d := diskfault.New(diskfault.Plan{})
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	var end int64
	for i := range n {
		off, err := h.put(uint64(i), tRec, 1)
		if err != nil || off != at(i) {
			t.Fatalf("append record %d = %d, %v, want %d", i, off, err, at(i))
		}
		end = off + tRec
	}
	if err := h.await(end); err != nil {
		t.Fatal(err)
	}
	mustStop(t, h)
	return d
}

// poke overwrites bytes of the log.
func poke1(t testing.TB, d *diskfault.FS, off int64, b []byte) {
	t.Helper()
	base := off / tSeg * tSeg
	if err := d.Poke("commitlog/"+segmentName(base), off-base, b); err != nil {
		t.Fatal(err)
	}
}

// lose makes the medium have zeros instead of the i-th record.
func lose(i int) func(testing.TB, *diskfault.FS) {
	return func(t testing.TB, d *diskfault.FS) { poke1(t, d, at(i), make([]byte, tRec)) }
}

// flip damages one byte of the i-th record.
func flip(i, pos int) func(testing.TB, *diskfault.FS) {
	return func(t testing.TB, d *diskfault.FS) { poke1(t, d, at(i)+int64(pos), []byte{0xEE}) }
}

func TestRecoverTellsTornFromDamaged(t *testing.T) {
	type change = func(testing.TB, *diskfault.FS)
	tests := []struct {
		name    string
		n       int // records
		change  []change
		opts    RecoverOptions
		end     int64
		erased  int64
		corrupt bool
		resume  int64
	}{
		{name: "nothing", n: 0},
		{name: "in order", n: 25, end: at(25)},
		{name: "in order, full segment", n: tPer, end: at(tPer-1) + tRec},
		{name: "in order, three segments", n: 85, end: at(85)},
		{name: "in order, from the middle", n: 85, opts: RecoverOptions{From: at(50)}, end: at(85)},
		{name: "in order, from the end", n: 85, opts: RecoverOptions{From: at(85), Durable: at(85)}, end: at(85)},
		{name: "clean", n: 85, opts: RecoverOptions{From: at(85), Durable: at(85), Clean: true}, end: at(85)},
		{name: "not clean after all", n: 85, opts: RecoverOptions{From: at(82), Durable: at(82), Clean: true}, end: at(85)},
		{name: "not clean after all, damaged", n: 85, change: []change{flip(83, 50)}, opts: RecoverOptions{From: at(80), Clean: true}, end: at(83), erased: 2 * tRec},

		{name: "last record lost", n: 25, change: []change{lose(24)}, end: at(24)},
		{name: "last record torn", n: 25, change: []change{flip(24, 50)}, end: at(24), erased: tRec},
		{name: "last record's size torn", n: 25, change: []change{flip(24, 0)}, end: at(24), erased: tRec},
		{name: "last record short", n: 25, change: []change{flip(24, 2)}, end: at(24), erased: tRec},
		{name: "first of a batch lost", n: 25, change: []change{lose(22)}, end: at(22), erased: 3 * tRec},
		{name: "some of a batch lost", n: 25, change: []change{lose(16), lose(20), flip(22, 99)}, end: at(16), erased: 9 * tRec},
		{name: "a whole window", n: 25, change: []change{flip(15, 50)}, end: at(15), erased: 10 * tRec},
		{name: "first record of a segment torn", n: tPer + 5, change: []change{flip(tPer, 50)}, end: at(tPer), erased: 5 * tRec},
		{name: "filler lost, nothing behind", n: tPer, change: []change{func(t testing.TB, d *diskfault.FS) {
			poke1(t, d, 4000, []byte("some bytes of a filler that was torn"))
		}}, end: 4000, erased: 36},

		{name: "one more than the window", n: 25, change: []change{flip(14, 50)}, end: at(14), corrupt: true, resume: at(15)},
		{name: "a smaller window", n: 25, change: []change{flip(22, 50)}, opts: RecoverOptions{Window: 2 * tRec}, end: at(22), corrupt: true, resume: at(23)},
		{name: "a larger window", n: 25, change: []change{flip(2, 50)}, opts: RecoverOptions{Window: tSeg}, end: at(2), erased: 23 * tRec},
		{name: "damaged long ago", n: 85, change: []change{flip(3, 50)}, end: at(3), corrupt: true, resume: at(4)},
		{name: "end of the segment before", n: tPer + 1, change: []change{flip(tPer-1, 50)}, end: at(tPer - 1), corrupt: true, resume: at(tPer)},
		{name: "filler damaged", n: tPer + 1, change: []change{func(t testing.TB, d *diskfault.FS) { poke1(t, d, 4003, []byte{95}) }}, end: 4000, corrupt: true, resume: tSeg},
		{name: "known to be durable", n: 25, change: []change{flip(24, 50)}, opts: RecoverOptions{Durable: at(24) + 1}, end: at(24), corrupt: true, resume: -1},
		{name: "known to be durable, one follows", n: 25, change: []change{flip(23, 50)}, opts: RecoverOptions{Durable: at(25)}, end: at(23), corrupt: true, resume: at(24)},
		{name: "known to be longer", n: 25, opts: RecoverOptions{Durable: at(26)}, end: at(25), corrupt: true, resume: -1},
		{name: "known to have more segments", n: tPer + 1, opts: RecoverOptions{From: 5 * tSeg}, end: 2 * tSeg, corrupt: true, resume: -1},
		{name: "clean, but cut", n: 25, change: []change{lose(24)}, opts: RecoverOptions{From: at(24), Durable: at(25), Clean: true}, end: at(24), corrupt: true, resume: -1},
		{name: "two places", n: 85, change: []change{flip(3, 50), flip(4, 50), flip(60, 50)}, end: at(3), corrupt: true, resume: at(5)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := written(t, test.n)
			for _, change := range test.change {
				change(t, d)
			}
			before := d.Stats().BytesWritten
			h, err := openLog(d, tOptions(), test.opts)
			if errors.Is(err, ErrCorrupt) != test.corrupt || err != nil && !test.corrupt {
				t.Fatalf("Recover: %v, want corrupt: %t", err, test.corrupt)
			}
			if h.rec.End != test.end || h.End() != test.end || h.Written() != test.end || h.Durable() != test.end {
				t.Errorf("End %d, %d, Written %d, Durable %d, want %d", h.rec.End, h.End(), h.Written(), h.Durable(), test.end)
			}
			for i := range test.n {
				id, ok := h.found[at(i)]
				if want := at(i) >= test.opts.From && at(i) < test.end; ok != want || ok && id != uint64(i) {
					t.Errorf("record %d at %d: visited %t with id %d, want %t", i, at(i), ok, id, want)
				}
			}
			if test.corrupt {
				if h.rec.Resume != test.resume || !strings.Contains(err.Error(), fmt.Sprint(test.end)) {
					t.Errorf("Resume %d, %v, want %d", h.rec.Resume, err, test.resume)
				}
				if n := d.Stats().BytesWritten - before; n > 0 {
					t.Errorf("%d bytes were written to a damaged log", n)
				}
				return
			}
			if h.rec.Erased != test.erased || (h.rec.Quarantined != "") != (test.erased > 0) {
				t.Errorf("%+v, want %d bytes erased", h.rec, test.erased)
			}
			h.run()
			mustPut(t, h, 999, tRec)
			mustStop(t, h)
		})
	}
}

func TestTornTailIsCopiedAndErased(t *testing.T) {
	d := written(t, 25)
	lose(22)(t, d)
	want := make([]byte, 3*tRec)
	for i := range 2 {
		putRecord(want[(1+i)*tRec:(2+i)*tRec], at(23+i), uint64(23+i))
	}
	h, err := openLog(d, tOptions(), RecoverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if h.rec.Quarantined != "quarantine/commitlog-00000000000000002200-1" {
		t.Errorf("the copy is called %q", h.rec.Quarantined)
	}
	d = d.Restart() // what Recover did is durable
	f, err := d.Open(h.rec.Quarantined)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want)+1)
	if n, _ := f.ReadAt(got, 0); !bytes.Equal(got[:n], want) {
		t.Errorf("the copy has %d bytes % x…, want those of the torn tail", n, got[:120])
	}
	f, err = d.Open("commitlog/" + segmentName(0))
	if err != nil {
		t.Fatal(err)
	}
	tail := make([]byte, tSeg-at(22))
	if n, err := f.ReadAt(tail, at(22)); err != nil || !bytes.Equal(tail, make([]byte, n)) {
		t.Errorf("behind the log's end is % x…, %v, want zeros", tail[:120], err)
	}
}

// A batch B0 C0 D0 is torn so that C0 and D0 reach the disk. B1 takes B0's
// place. After the next power cut C0 and D0 must not be records again.
func TestErasedRecordsDoNotComeBack(t *testing.T) {
	d := written(t, 4) // A0 B0 C0 D0
	lose(1)(t, d)
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	if off := mustPut(t, h, 100, tRec); off != at(1) {
		t.Fatalf("B1 is at %d, want %d", off, at(1))
	}
	h, err := openLog(d.Restart(), tOptions(), RecoverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.found) != 2 || h.found[at(0)] != 0 || h.found[at(1)] != 100 || h.End() != at(2) {
		t.Errorf("recovered %v up to %d, want A0 and B1", h.found, h.End())
	}
}

func TestADamagedLogCanBeReadAndNotChanged(t *testing.T) {
	d := written(t, 85)
	flip(3, 50)(t, d)
	flip(60, 50)(t, d)
	h, err := openLog(d, tOptions(), RecoverOptions{})
	if !errors.Is(err, ErrCorrupt) {
		t.Fatalf("Recover: %v, want ErrCorrupt", err)
	}
	wantRecord(t, h.Log, at(2), 2, tRec)
	refused := map[string]error{}
	_, refused["Append"] = h.put(1, tRec, 1)
	_, refused["AppendRaw"] = h.AppendRaw(h.End(), make([]byte, 10))
	_, refused["Retire"] = h.Retire(tSeg)
	_, refused["Truncate"] = h.Truncate(0)
	refused["Reset"] = h.Reset(0)
	for name, err := range refused {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v, want ErrReadOnly", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	wantRecord(t, h.Log, at(1), 1, tRec)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run on a damaged log: %v", err)
	}

	// Past the damage, one stretch after the other.
	ro := RecoverOptions{Check: checkRecord}
	for _, want := range []struct{ resume, end, next int64 }{{at(4), at(60), at(61)}, {at(61), at(85), -1}} {
		ro.From = want.resume
		rec, err := h.Recover(ro)
		if rec.End != want.end || rec.Resume != want.next || errors.Is(err, ErrCorrupt) != (want.next >= 0) {
			t.Errorf("Recover from %d: %+v, %v, want end %d and resume %d", want.resume, rec, err, want.end, want.next)
		}
	}
	wantRecord(t, h.Log, at(84), 84, tRec)
	if _, err := h.put(1, tRec, 1); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Append: %v, want ErrReadOnly still", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

// One damaged byte anywhere is found, and what Visit sees is never wrong.
func TestEveryDamagedByteIsFound(t *testing.T) {
	const n = 45
	pristine := written(t, n)
	step := int64(7)
	tried := 0
	for off := int64(0); off < at(n); off += step {
		if inFiller := off%tSeg >= tPer*tRec; inFiller && off%tSeg >= tPer*tRec+fillerSize {
			continue // what follows a filler is nobody's
		}
		tried++
		d := pristine.RestartWith(1)
		base := off / tSeg * tSeg
		f, err := d.Open("commitlog/" + segmentName(base))
		if err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		if _, err := f.ReadAt(b[:], off-base); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1 << (off % 8)
		poke1(t, d, off, b[:])
		h, err := openLog(d, tOptions(), RecoverOptions{})
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d: %v", off, err)
		}
		for i := range n {
			if id, ok := h.found[at(i)]; ok != (at(i)+tRec <= off) || ok && id != uint64(i) {
				t.Fatalf("byte %d: record %d at %d visited: %t, id %d", off, i, at(i), ok, id)
			}
		}
		if torn := off >= tSeg; torn != (err == nil) {
			t.Errorf("byte %d: %v, want a torn tail: %t", off, err, torn)
		}
	}
	t.Logf("%d places", tried)
}

func TestAMissingLogIsDamage(t *testing.T) {
	h, err := openLog(diskfault.New(diskfault.Plan{}), tOptions(), RecoverOptions{From: 100})
	if !errors.Is(err, ErrCorrupt) || h.End() != 0 {
		t.Errorf("Recover of nothing from 100 on: %v, end %d, want ErrCorrupt", err, h.End())
	}
}

func TestRecoverPassesOnWhatVisitSays(t *testing.T) {
	d := written(t, 5)
	cause := errors.New("cause")
	l, err := Open(Options{FS: d, SegmentSize: tSeg})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Recover(RecoverOptions{}); err == nil {
		t.Error("Recover without a Checker works")
	}
	_, err = l.Recover(RecoverOptions{Check: checkRecord, Visit: func(Stretch) error { return cause }})
	if !errors.Is(err, cause) {
		t.Errorf("Recover: %v, want Visit's error", err)
	}
	if _, err := l.Recover(RecoverOptions{Check: checkRecord}); err != nil {
		t.Errorf("Recover after an error of Visit: %v", err)
	}
	if _, err := l.Recover(RecoverOptions{Check: checkRecord}); err == nil {
		t.Error("Recover works twice")
	}
}
