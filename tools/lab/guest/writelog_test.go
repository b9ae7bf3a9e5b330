package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/tools/lab/order"
)

// A logWriter makes a log as the kernel's target does: drivers/md/dm-log-writes.c.
type logWriter struct {
	b bytes.Buffer
	n int
}

func (w *logWriter) entry(sector, sectors, flags int64, text string, data []byte) {
	head := make([]byte, sectorSize)
	for i, v := range []int64{sector, sectors, flags, int64(len(text))} {
		binary.LittleEndian.PutUint64(head[8*i:], uint64(v))
	}
	copy(head[32:], text)
	w.b.Write(head)
	w.b.Write(data)
	w.n++
}

func (w *logWriter) bytes() []byte {
	super := make([]byte, sectorSize)
	for i, v := range []int64{logMagic, logVersion, int64(w.n), sectorSize} {
		binary.LittleEndian.PutUint64(super[8*i:], uint64(v))
	}
	return append(super, w.b.Bytes()...)
}

func sectorOf(c byte) []byte { return bytes.Repeat([]byte{c}, sectorSize) }

// testLog writes a, b, c, flushes, marks, writes d over b with FUA, discards c.
func testLog() []byte {
	var w logWriter
	w.entry(0, 2, 0, "", append(sectorOf('a'), sectorOf('b')...))
	w.entry(2, 1, 0, "", sectorOf('c'))
	w.entry(0, 0, logFlush, "", nil)
	w.entry(0, 0, logMark, "learned-7", nil)
	w.entry(1, 1, logFUA, "", sectorOf('d'))
	w.entry(2, 1, logDiscard, "", nil)
	return w.bytes()
}

// files puts the log and an empty disk into files.
func files(t *testing.T) (log, disk string) {
	t.Helper()
	log, disk = filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.WriteFile(log, testLog(), 0o644), os.WriteFile(disk, make([]byte, 4*sectorSize), 0o644)); err != nil {
		t.Fatal(err)
	}
	return log, disk
}

// sectorsIn is the first byte of each sector, "." for zeros.
func sectorsIn(t *testing.T, disk string) string {
	t.Helper()
	b, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	for i := 0; i < len(b); i += sectorSize {
		if b[i] == 0 {
			s.WriteByte('.')
		} else {
			s.WriteByte(b[i])
		}
	}
	return s.String()
}

func TestScanSaysWhatIsInALog(t *testing.T) {
	log, _ := files(t)
	got, err := scanLog(log)
	if err != nil {
		t.Fatal(err)
	}
	want := []order.Entry{{Bytes: 1024}, {Bytes: 512}, {Flush: true}, {Mark: "learned-7"}, {Bytes: 512, FUA: true}, {}}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("entries are %+v, want %+v", got, want)
		}
	}
}

func TestReplayGoesForwardInSteps(t *testing.T) {
	log, disk := files(t)
	m := &machine{}
	for _, step := range []struct {
		upto int
		want string
	}{{0, "...."}, {1, "ab.."}, {3, "abc."}, {5, "adc."}, {6, "ad.."}} {
		if err := m.replay(log, disk, step.upto); err != nil {
			t.Fatal(err)
		}
		if got := sectorsIn(t, disk); got != step.want {
			t.Errorf("after %d entries the disk is %q, want %q", step.upto, got, step.want)
		}
	}
	if err := m.replay(log, disk, 5); err == nil {
		t.Error("a replay goes back")
	}
	if err := m.replay(log, disk, 7); err == nil {
		t.Error("a replay goes beyond the log")
	}
}

func TestLooseWritesAreThereOrNot(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(60) {
		log, disk := files(t)
		if _, err := loose(order.Order{Device: log, To: disk, Upto: 0, End: 2, Seed: seed, Unit: sectorSize}); err != nil {
			t.Fatal(err)
		}
		seen[sectorsIn(t, disk)] = true
	}
	for _, want := range []string{"....", "ab..", "abc.", "..c.", "a...", ".b.."} {
		if !seen[want] {
			t.Errorf("of 60 seeds none leaves %q: %v", want, seen)
		}
	}
}

func TestWhatIsNoLogIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(b []byte) []byte{
		"no magic":           func(b []byte) []byte { b[0]++; return b },
		"another version":    func(b []byte) []byte { b[8] = 2; return b },
		"a text too long":    func(b []byte) []byte { b[sectorSize+25] = 9; return b },
		"sectors of 0 bytes": func(b []byte) []byte { b[24], b[25] = 0, 0; return b },
	} {
		if _, err := readLog(bytes.NewReader(spoil(testLog()))); !errors.Is(err, errBadLog) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readLog(bytes.NewReader(testLog()[:4*sectorSize])); !errors.Is(err, io.EOF) {
		t.Errorf("a log that breaks off: %v", err)
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add(testLog())
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := readLog(bytes.NewReader(b))
		if err != nil {
			return
		}
		at := int64(0)
		for i, e := range entries {
			if e.at <= at || e.sectors < 0 || e.unit < sectorSize {
				t.Errorf("entry %d is %+v behind %d", i, e, at)
			}
			at = e.at
		}
	})
}
