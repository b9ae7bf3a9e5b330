package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pairmq/hal/disk/diskfault"
)

// cut is Truncate; what is confirmed counts from there on.
func (h *harness) cut(end int64) (string, error) {
	copied, err := h.Truncate(end)
	if err == nil {
		h.countFrom(end)
	}
	return copied, err
}

// restart is Reset in the same way.
func (h *harness) restart(start int64) error {
	err := h.Reset(start)
	if err == nil {
		h.countFrom(start)
	}
	return err
}

func (h *harness) countFrom(end int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.confirmed, h.durable = end, end
}

func TestTruncate(t *testing.T) {
	const n = 3*tPer + 5
	tests := []struct {
		name string
		end  int64
		left int // records
	}{
		{"nothing", at(n), n},
		{"the last", at(n - 1), n - 1},
		{"most of the last segment", at(3*tPer + 1), 3*tPer + 1},
		{"the last segment", 3 * tSeg, 3 * tPer},
		{"the filler", at(3*tPer-1) + tRec, 3 * tPer},
		{"inside a record", at(tPer+3) + 50, tPer + 3},
		{"all but the first", tRec, 1},
		{"all", 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := diskfault.New(diskfault.Plan{})
			h := mustStart(t, d, tOptions(), RecoverOptions{})
			fill(t, h, 0, n)
			want := make([]byte, at(n)-test.end)
			readAll(t, h.Log, want, test.end)
			copied, err := h.cut(test.end)
			if err != nil || h.End() != test.end || h.Written() != test.end || h.Durable() != test.end {
				t.Fatalf("Truncate(%d): %v, end %d, written %d, durable %d", test.end, err, h.End(), h.Written(), h.Durable())
			}
			if (copied != "") != (len(want) > 0) {
				t.Errorf("the copy of %d bytes is called %q", len(want), copied)
			}
			if copied != "" {
				got := make([]byte, len(want)+1)
				f, err := d.Open(copied)
				if err != nil {
					t.Fatal(err)
				}
				if k, _ := f.ReadAt(got, 0); !bytes.Equal(got[:k], want) {
					t.Errorf("the copy has %d bytes, and not those that were cut off", k)
				}
			}
			for i := range test.left {
				wantRecord(t, h.Log, at(i), uint64(i), tRec)
			}
			r, err := openLog(d.RestartWith(1), tOptions(), RecoverOptions{})
			if err != nil || len(r.found) != test.left || r.rec.Erased > tRec {
				t.Errorf("reopened: %d records, %+v, %v, want %d", len(r.found), r.rec, err, test.left)
			}
		})
	}
}

// readAll reads bytes across segments.
func readAll(t testing.TB, l *Log, b []byte, off int64) {
	t.Helper()
	for len(b) > 0 {
		n, err := l.ReadAt(b, off)
		if n == 0 {
			t.Fatalf("ReadAt(%d bytes, %d) = %v", len(b), off, err)
		}
		b, off = b[n:], off+int64(n)
	}
}

// What was cut off does not come back when the same places are filled again.
func TestLogGoesOnAfterTruncate(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	fill(t, h, 0, 2*tPer+10)
	if _, err := h.cut(at(tPer + 20)); err != nil {
		t.Fatal(err)
	}
	for i := tPer + 20; i < 2*tPer+2; i++ {
		if off := mustPut(t, h, uint64(1000+i), tRec); off != at(i) {
			t.Fatalf("record %d at %d, want %d", i, off, at(i))
		}
	}
	r, err := openLog(d.Restart(), tOptions(), RecoverOptions{})
	if err != nil || len(r.found) != 2*tPer+2 {
		t.Fatalf("reopened: %d records, %v, want %d", len(r.found), err, 2*tPer+2)
	}
	for i := tPer + 20; i < 2*tPer+2; i++ {
		if r.found[at(i)] != uint64(1000+i) {
			t.Errorf("at %d is record %d, want the new one", at(i), r.found[at(i)])
		}
	}
}

func TestTruncateRefuses(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	fill(t, h, 0, 2*tPer+1)
	if _, err := h.Retire(tSeg); err != nil {
		t.Fatal(err)
	}
	d.SetQuota(1) // no copy can be made
	for _, end := range []int64{-1, tSeg - 1, h.End() + 1, at(tPer + 1)} {
		if _, err := h.cut(end); err == nil || h.Failed() != nil {
			t.Errorf("Truncate(%d): %v, failed with %v", end, err, h.Failed())
		}
	}
	if err := h.Reset(9 * tSeg); err == nil {
		t.Error("Reset of a log with records works")
	}
	d.SetQuota(0)
	mustPut(t, h, 1, tRec) // the log goes on
	mustStop(t, h)
	if _, err := h.cut(tSeg); !errors.Is(err, ErrClosed) {
		t.Errorf("Truncate after Run: %v, want ErrClosed", err)
	}
}

// Between Recover and Run there is no writer to wait for.
func TestTruncateBeforeRun(t *testing.T) {
	h, err := openLog(written(t, 2*tPer+1), tOptions(), RecoverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.cut(at(3)); err != nil || h.End() != at(3) {
		t.Fatalf("Truncate: %v, end %d", err, h.End())
	}
	h.run()
	fill(t, h, 3, tPer+1)
	mustStop(t, h)
}

// A power cut during Truncate leaves a log that is not shorter than asked, with
// nothing in it but what was there.
func TestPowerCutDuringTruncate(t *testing.T) {
	const n = 2*tPer + 20
	pristine := written(t, n)
	tried := 0
	for _, end := range []int64{at(tPer + 3), at(2*tPer + 15), tSeg, at(7) + 9} {
		for cut := 1; ; cut++ {
			d := pristine.RestartWith(1)
			h, err := openLog(d, tOptions(), RecoverOptions{})
			if err != nil {
				t.Fatal(err)
			}
			d.Arm(diskfault.Plan{Seed: uint64(cut), CutAt: cut})
			_, err = h.cut(end)
			if !d.Struck() {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			for seed := range uint64(4) {
				r, err := openLog(d.RestartWith(seed), tOptions(), RecoverOptions{})
				if err != nil {
					t.Fatalf("truncate to %d, %v, restart seed %d: %v", end, d, seed, err)
				}
				for i := range n {
					id, ok := r.found[at(i)]
					if at(i)+tRec <= end && !ok || ok && id != uint64(i) {
						t.Fatalf("truncate to %d, %v, restart seed %d: record %d found %t as %d", end, d, seed, i, ok, id)
					}
				}
				tried++
			}
		}
	}
	t.Logf("%d outcomes of power cuts", tried)
}

func TestReset(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	h := mustStart(t, d, tOptions(), RecoverOptions{})
	if err := h.Reset(7*tSeg + 1); err == nil {
		t.Error("Reset to the middle of a segment works")
	}
	if err := h.restart(7 * tSeg); err != nil {
		t.Fatal(err)
	}
	if off := mustPut(t, h, 1, tRec); off != 7*tSeg || h.Start() != 7*tSeg {
		t.Errorf("the first record is at %d, the log starts at %d, want %d", off, h.Start(), 7*tSeg)
	}
	if got, want := names(t, d, "commitlog"), []string{segmentName(7 * tSeg)}; !slices.Equal(got, want) {
		t.Errorf("segments %v, want %v", got, want)
	}
	mustStop(t, h)
}

// A slave's log is its master's, byte for byte, however the bytes come.
func TestAppendRawCopiesALog(t *testing.T) {
	master := mustStart(t, diskfault.New(diskfault.Plan{}), tOptions(), RecoverOptions{})
	fill(t, master, 0, 3*tPer+7)
	all := make([]byte, master.End())
	readAll(t, master.Log, all, 0)
	mustStop(t, master)
	for _, step := range []int{1, 7, 100, 999, 1001, tSeg, 3*tSeg - 1} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			d := diskfault.New(diskfault.Plan{})
			h := mustStart(t, d, tOptions(), RecoverOptions{})
			for off := 0; off < len(all); off += step {
				part := all[off:min(len(all), off+step)]
				if n, err := h.AppendRaw(int64(off), part); n != len(part) || err != nil {
					t.Fatalf("AppendRaw(%d, %d bytes) = %d, %v", off, len(part), n, err)
				}
			}
			if err := h.await(int64(len(all))); err != nil {
				t.Fatal(err)
			}
			r, err := openLog(d.Restart(), tOptions(), RecoverOptions{})
			if err != nil || r.End() != int64(len(all)) || len(r.found) != 3*tPer+7 {
				t.Fatalf("the copy has %d records up to %d, %v", len(r.found), r.End(), err)
			}
			got := make([]byte, len(all))
			readAll(t, r.Log, got, 0)
			if !bytes.Equal(got, all) {
				t.Error("the copy has other bytes")
			}
		})
	}
}

func TestAppendRawRefuses(t *testing.T) {
	h := mustStart(t, diskfault.New(diskfault.Plan{}), tOptions(), RecoverOptions{})
	mustPut(t, h, 1, tRec)
	for _, off := range []int64{0, tRec - 1, tRec + 1, tSeg} {
		if n, err := h.AppendRaw(off, make([]byte, 3)); n != 0 || !errors.Is(err, ErrOffsetGap) {
			t.Errorf("AppendRaw at %d = %d, %v, want ErrOffsetGap", off, n, err)
		}
	}
	if n, err := h.AppendRaw(tRec, make([]byte, tSeg-tRec-5)); err != nil {
		t.Fatalf("AppendRaw = %d, %v", n, err)
	}
	if _, err := h.put(2, tRec, 1); !errors.Is(err, ErrUnaligned) {
		t.Errorf("Append five bytes before the end of a segment: %v, want ErrUnaligned", err)
	}
	if _, err := h.AppendRaw(h.End(), make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if off := mustPut(t, h, 2, tRec); off != tSeg {
		t.Errorf("the next record is at %d, want %d", off, tSeg)
	}
	mustStop(t, h)
}
