package folder_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store/folder"
	"pairmq/store/record"
)

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}

func verify(t *testing.T, dir string) (folder.Summary, []folder.Finding) {
	t.Helper()
	before := snapshot(t, dir)
	f, err := folder.Open(dir, folder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var found []folder.Finding
	s, err := f.Verify(t.Context(), func(f folder.Finding) { found = append(found, f) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if int(s.Findings) != len(found) {
		t.Errorf("%d findings are counted, %d were told", s.Findings, len(found))
	}
	if snapshot(t, dir) != before {
		t.Error("looking has changed the folder")
	}
	return s, found
}

func TestASoundFolder(t *testing.T) {
	dir := makeStore(t, 200, nil)
	for _, part := range []string{"all", "log alone", "segments alone"} {
		switch part {
		case "log alone":
			for _, name := range []string{"meta.db", "meta.bak", "offsets.wal", "LOCK"} {
				if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
		case "segments alone":
			dir = filepath.Join(dir, "commitlog")
		}
		s, found := verify(t, dir)
		if len(found) > 0 || s.Records != 200 || len(s.Queues) != 4 || s.Queues[0].Topic != "Alarms" || s.Queues[0].Messages != 50 || s.Queues[0].End != 50 || s.End < 3*segment {
			t.Errorf("%s: %+v, %+v", part, s, found)
		}
	}
}

func TestEveryDamageIsFound(t *testing.T) {
	// Each row damages a sound store of some segments, of which the last is begun. at is
	// the place of a record in the second one.
	in := func(f func(b []byte, at int)) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			at := places(t, dir, segment)
			change(t, segmentFile(dir, segment), func(b []byte) []byte { f(b, at[3]); return b })
		}
	}
	field := func(off int) func(*testing.T, string) { return in(func(b []byte, at int) { b[at+off] ^= 4 }) }
	lost := " QUEUE_OFFSET_GAP" // what was in the damage is missing in its queue
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   string // kinds in their order
		words  string // in one of the reasons
	}{
		{"size", field(2), "BAD_RECORD" + lost, ""},
		{"magic", field(5), "BAD_RECORD" + lost, "magic code"},
		{"body checksum", field(8), "BAD_RECORD" + lost, "checksum does not match"},
		{"queueId", field(15), "BAD_RECORD" + lost, "checksum does not match"},
		{"flag", field(19), "BAD_RECORD" + lost, "checksum does not match"},
		{"queueOffset", field(27), "BAD_RECORD" + lost, "checksum does not match"},
		{"phyOffset", field(35), "BAD_RECORD" + lost, "says it lies at"},
		{"sysFlag", field(39), "BAD_RECORD" + lost, ""},
		{"bornTimestamp", field(47), "BAD_RECORD" + lost, "checksum does not match"},
		{"bornHost", field(50), "BAD_RECORD" + lost, "checksum does not match"},
		{"a port", field(52), "BAD_RECORD" + lost, "port above 65535"},
		{"storeTimestamp", field(63), "BAD_RECORD" + lost, "checksum does not match"},
		{"storeHost", field(66), "BAD_RECORD" + lost, "checksum does not match"},
		{"reconsumeTimes", field(75), "BAD_RECORD" + lost, "checksum does not match"},
		{"body length", field(85), "BAD_RECORD" + lost, "body length"},
		{"body", field(100), "BAD_RECORD" + lost, "checksum does not match"},
		{"zeros in the middle", in(func(b []byte, at int) { clear(b[at : at+4096]) }), "BAD_RECORD" + strings.Repeat(lost, 4), "zeros"},
		{"a filler", func(t *testing.T, dir string) {
			at := places(t, dir, segment)
			change(t, segmentFile(dir, segment), func(b []byte) []byte {
				end := at[len(at)-1] + int(binary.BigEndian.Uint32(b[at[len(at)-1]:]))
				b[end+3]++
				return b
			})
		}, "BAD_FILLER", "a filler of"},
		{"a missing segment", func(t *testing.T, dir string) {
			if err := os.Remove(segmentFile(dir, segment)); err != nil {
				t.Fatal(err)
			}
		}, "MISSING_SEGMENT" + strings.Repeat(lost, 4), "1 segments of 32768 bytes"},
		{"the first segment missing", func(t *testing.T, dir string) {
			if err := os.Remove(segmentFile(dir, 0)); err != nil {
				t.Fatal(err)
			}
		}, "MISSING_SEGMENT", "the first file begins at 32768"},
		{"the last segments missing", func(t *testing.T, dir string) {
			for base := int64(2 * segment); ; base += segment {
				if os.Remove(segmentFile(dir, base)) != nil {
					return
				}
			}
		}, "LOG_TOO_SHORT", "on flash up to"},
		{"a foreign segment", func(t *testing.T, dir string) {
			b, err := os.ReadFile(segmentFile(dir, 0))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(segmentFile(dir, segment), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "FOREIGN_SEGMENT" + strings.Repeat(lost, 4), "says it lies at 0"},
		{"a short segment", func(t *testing.T, dir string) {
			if err := os.Truncate(segmentFile(dir, segment), 20000); err != nil {
				t.Fatal(err)
			}
		}, "WRONG_SIZE BAD_RECORD" + strings.Repeat(lost, 4), "20000 bytes"},
		{"foreign files", func(t *testing.T, dir string) {
			for _, name := range []string{"x\x1b", fmt.Sprintf("%020d", 7), strings.Repeat("9", 20), "new.tmp"} {
				if err := os.WriteFile(filepath.Join(dir, "commitlog", name), []byte("what is this?"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}, "FOREIGN_FILE FOREIGN_FILE FOREIGN_FILE", "not begin at a multiple"},
		{"garbage in meta.db", func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, "meta.db"), func(b []byte) []byte { copy(b[:9000], strings.Repeat("garbage ", 2000)); return b })
		}, "INDEX_DAMAGED", "damaged"},
		{"an empty meta.db", func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, "meta.db"), func([]byte) []byte { return nil })
		}, "INDEX_DAMAGED", ""},
		{"the end cut off", func(t *testing.T, dir string) {
			base := lastSegment(t, dir)
			at := places(t, dir, base)
			change(t, segmentFile(dir, base), func(b []byte) []byte { clear(b[at[len(at)-1]:]); return b })
		}, "LOG_TOO_SHORT", "on flash up to"},
		{"an older index", func(t *testing.T, dir string) {
			old, err := os.ReadFile(filepath.Join(dir, "meta.db"))
			if err != nil {
				t.Fatal(err)
			}
			fill(t, dir, 20, nil)
			if err := os.WriteFile(filepath.Join(dir, "meta.db"), old, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "", ""},
		{"the index of another log", func(t *testing.T, dir string) {
			other := makeStore(t, 210, nil)
			b, err := os.ReadFile(segmentFile(other, 0))
			if err != nil {
				t.Fatal(err)
			}
			// The same messages, but one: its tag is another one, and all checksums are right.
			at := places(t, other, 0)
			v, err := record.Parse(b[at[5]:], record.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			m := v.Message()
			m.Properties = strings.Replace(m.Properties, "TAGS\x01t", "TAGS\x01x", 1)
			change(t, segmentFile(dir, 0), func(b []byte) []byte { record.AppendCRC(b[:at[5]], &m); return b })
		}, "INDEX_DIFFERS", "tags code"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := makeStore(t, 210, nil)
			tt.damage(t, dir)
			s, found := verify(t, dir)
			var kinds, reasons []string
			for _, f := range found {
				kinds, reasons = append(kinds, string(f.Kind)), append(reasons, f.Reason)
			}
			if got := strings.Join(kinds, " "); got != tt.want || !strings.Contains(strings.Join(reasons, "\n"), tt.words) {
				t.Errorf("found %s\nwant  %s, with %q\n%+v", got, tt.want, tt.words, found)
			}
			if tt.name != "the last segments missing" && s.Records < 150 {
				t.Errorf("%d records were found behind the damage", s.Records)
			}
		})
	}
}

// lastSegment is the base of the segment in which the log ends.
func lastSegment(t *testing.T, dir string) int64 {
	t.Helper()
	for base := int64(0); ; base += segment {
		if _, err := os.Stat(segmentFile(dir, base+segment)); err != nil || len(places(t, dir, base+segment)) == 0 {
			return base
		}
	}
}

func TestATornTail(t *testing.T) {
	half := record.AppendCRC(nil, &record.Message{Topic: "Orders", QueueOffset: 53, Body: make([]byte, 500)})
	tests := []struct {
		name  string
		tail  func(end int64) []byte
		words string // "" if nothing is wrong
	}{
		{"nothing", func(int64) []byte { return nil }, ""},
		{"half a record", func(end int64) []byte {
			binary.BigEndian.PutUint64(half[28:], uint64(end))
			return half[:300]
		}, "a part of a record"},
		{"a head alone", func(end int64) []byte {
			binary.BigEndian.PutUint64(half[28:], uint64(end))
			return half[:36]
		}, "a part of a record"},
		{"garbage", func(int64) []byte { return []byte("garbage") }, "7 bytes that are no record"},
		{"an old record, used again", func(end int64) []byte {
			old := record.AppendCRC(nil, &record.Message{Topic: "Orders", PhyOffset: end - segment, Body: []byte("old")})
			return append(old, old[:30]...)
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := makeStore(t, 210, nil)
			base := lastSegment(t, dir)
			end := 0
			change(t, segmentFile(dir, base), func(b []byte) []byte {
				at := places(t, dir, base)
				last := at[len(at)-1]
				end = last + int(binary.BigEndian.Uint32(b[last:]))
				copy(b[end:], tt.tail(base+int64(end)))
				return b
			})
			s, found := verify(t, dir)
			if s.End != base+int64(end) || s.Records != 210 {
				t.Errorf("the log ends at %d, want %d", s.End, base+int64(end))
			}
			switch {
			case tt.words == "" && len(found) > 0:
				t.Errorf("found %+v, want nothing", found)
			case tt.words != "" && (len(found) != 1 || found[0].Kind != folder.TornTail || found[0].PhyOffset != s.End || !strings.Contains(found[0].Reason, tt.words)):
				t.Errorf("found %+v, want a torn tail with %q", found, tt.words)
			}
		})
	}
}

func TestFoldersThatAreNone(t *testing.T) {
	dir := t.TempDir()
	if _, err := folder.Open(dir, folder.Options{}); !errors.Is(err, folder.ErrNoStore) {
		t.Errorf("an empty folder: %v, want ErrNoStore", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("dear all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Open(dir, folder.Options{}); !errors.Is(err, folder.ErrNoStore) {
		t.Errorf("another folder: %v, want ErrNoStore", err)
	}
	if _, err := folder.Open(filepath.Join(dir, "nowhere"), folder.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "commitlog"), 0o700); err != nil {
		t.Fatal(err)
	}
	if s, found := verify(t, dir); s.End != 0 || len(found) > 0 {
		t.Errorf("a log of nothing: %+v, %+v", s, found)
	}
	if err := os.WriteFile(segmentFile(dir, 0), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, _ := verify(t, dir); s.End != 0 || s.Records != 0 {
		t.Errorf("an empty segment: %+v", s)
	}
}

func TestADaemonIsSeen(t *testing.T) {
	dir := makeStore(t, 10, nil)
	fsys, err := disk.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := fsys.Lock("LOCK")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	f, err := folder.Open(dir, folder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Verify(t.Context(), func(folder.Finding) {}, nil); !errors.Is(err, folder.ErrInUse) || !f.InUse {
		t.Errorf("InUse is %v, Verify = %v, want ErrInUse", f.InUse, err)
	}
}

// Whatever is wrong, the walk ends, tells nothing twice, and finds what is still good.
func TestAnyDamage(t *testing.T) {
	dir := makeStore(t, 120, nil)
	rng := rand.New(rand.NewPCG(7, 7))
	for base := int64(0); base <= 2*segment; base += segment {
		good, err := os.ReadFile(segmentFile(dir, base))
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			bad := append([]byte(nil), good...)
			for range 1 + rng.IntN(40) {
				bad[rng.IntN(len(bad))] ^= byte(1 << rng.IntN(8))
			}
			if rng.IntN(4) == 0 {
				bad = bad[:rng.IntN(len(bad))]
			}
			if err := os.WriteFile(segmentFile(dir, base), bad, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := folder.Open(dir, folder.Options{})
			if err != nil {
				t.Fatal(err)
			}
			at := int64(-1)
			for p, err := range f.Log.Parts(t.Context(), 0, math.MaxInt64) {
				if err != nil {
					t.Fatal(err)
				}
				if p.Off < at && p.Kind != folder.TheEnd { // a torn tail lies behind the end
					t.Fatalf("a part at %d behind %d: %+v", p.Off, at, p.Finding)
				}
				at = p.Off + p.Size
				if p.Kind == folder.Wrong && p.Finding.Reason == "" {
					t.Errorf("no reason: %+v", p.Finding)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(segmentFile(dir, base), good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPartsOfARange(t *testing.T) {
	dir := makeStore(t, 210, nil)
	f, err := folder.Open(dir, folder.Options{NoIndex: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := places(t, dir, segment)
	from, to := int64(segment+at[2]-5), int64(segment+at[7])
	var offs []int64
	end := int64(0)
	for p, err := range f.Log.Parts(t.Context(), from, to) {
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind == folder.ARecord {
			offs = append(offs, p.Off-segment)
		}
		end = p.Off
	}
	if fmt.Sprint(offs) != fmt.Sprint(at[2:7]) || end != to {
		t.Errorf("records at %v up to %d, want %v up to %d", offs, end, at[2:7], to)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range f.Log.Parts(ctx, 0, math.MaxInt64) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after the end of ctx: %v", err)
		}
	}
}
