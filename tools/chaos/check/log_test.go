package check

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadLog: what a broker's folder holds is what was written, with what was
// set aside, wherever in a record that begins.
func TestReadLog(t *testing.T) {
	s := newStory(3, Mode{}, calm)
	first, second, third := s.log[4], s.log[5], s.log[6]
	aside := s.bytes[first.PhyOffset+9 : third.PhyOffset+third.Size-3] // the second one alone is whole
	dir := s.write(t, aside)
	l, err := ReadLog(dir, "a", storyTopic, storySegment)
	if err != nil {
		t.Fatal(err)
	}
	if l.Broker != "a" || l.Start != 0 || len(l.Faults) > 0 {
		t.Errorf("read broker %q, start %d, faults %v", l.Broker, l.Start, l.Faults)
	}
	if !bytes.Equal(l.Bytes, s.bytes) {
		t.Errorf("read %d bytes, of %d", len(l.Bytes), len(s.bytes))
	}
	if !slices.Equal(l.Records, s.log) {
		t.Errorf("read %d records, of %d, or others", len(l.Records), len(s.log))
	}
	if want := map[int64]bool{second.ID: true}; !maps.Equal(l.Aside, want) {
		t.Errorf("aside are %v, want %v", l.Aside, want)
	}
	if l, err := ReadLog(dir, "a", "Other", storySegment); err != nil || len(l.Records) > 0 {
		t.Errorf("of another topic: %d records, %v", len(l.Records), err)
	}
	if l, err := ReadLog(t.TempDir(), "a", storyTopic, storySegment); err != nil || len(l.Bytes) > 0 {
		t.Errorf("of an empty folder: %d bytes, %v", len(l.Bytes), err)
	}
}

// TestUnsoundLogs: what is not sound in a log is named (C3).
func TestUnsoundLogs(t *testing.T) {
	s := newStory(3, Mode{}, calm)
	end := len(s.bytes)
	lastSegment := end / storySegment * storySegment
	r := s.log[30]
	filler := slices.IndexFunc(s.log, func(r Record) bool { return r.PhyOffset >= storySegment }) - 1
	fillerAt := int(s.log[filler].PhyOffset + s.log[filler].Size)
	write := func(at int, b ...byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			f, err := os.OpenFile(segmentFile(dir, at/storySegment*storySegment), os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt(b, int64(at%storySegment))
			}
			if err = errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name  string
		spoil func(*testing.T, string)
		says  string
	}{
		{"a byte of a body", write(int(r.PhyOffset+r.Size/2), 0), "checksum"},
		{"a record's size", write(int(r.PhyOffset), 0x7f), "neither a record nor zeros"},
		{"a record's offset", write(int(r.PhyOffset)+35, s.bytes[r.PhyOffset+35]^1), "says it lies at"},
		{"bytes behind the end", write(end+100, 1), "neither a record nor zeros"},
		{"a filler too short", write(fillerAt+3, s.bytes[fillerAt+3]-1), "filler"},
		{"a segment of another size", func(t *testing.T, dir string) {
			if err := os.Truncate(segmentFile(dir, storySegment), storySegment-1); err != nil {
				t.Fatal(err)
			}
		}, "there should be a segment"},
		{"a segment missing", func(t *testing.T, dir string) {
			if err := os.Remove(segmentFile(dir, storySegment)); err != nil {
				t.Fatal(err)
			}
		}, "there should be a segment"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if lastSegment <= 2*storySegment {
				t.Fatal("the story is too short")
			}
			dir := s.write(t, nil)
			tt.spoil(t, dir)
			l, err := ReadLog(dir, "a", storyTopic, storySegment)
			if err != nil || !strings.Contains(strings.Join(l.Faults, "\n"), tt.says) {
				t.Errorf("found %q, %v; want it to say %q", l.Faults, err, tt.says)
			}
		})
	}
	t.Run("a file that is no segment", func(t *testing.T) {
		dir := s.write(t, nil)
		if err := os.WriteFile(filepath.Join(dir, "commitlog", "0-"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadLog(dir, "a", storyTopic, storySegment); err == nil {
			t.Error("it was passed over")
		}
	})
}
