package index

import (
	"bytes"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/hal/disk"
	"pairmq/store/table"
)

// log yields what the log has.
func (m *model) log() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range m.records {
			if r.PhyOffset >= m.start && !yield(r, nil) {
				return
			}
		}
	}
}

func remakeIn(t *testing.T, dir string, records iter.Seq2[Record, error]) (Remade, error) {
	t.Helper()
	d, err := disk.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	return Remake(Options{FS: d, ChunkRecords: 20}, records)
}

func TestRemake(t *testing.T) {
	for _, what := range []string{"sound", "a chunk damaged", "garbage", "missing", "missing with its backup and journal", "left over"} {
		t.Run(what, func(t *testing.T) {
			dir, m := sampleIndex(t, 5)
			file := filepath.Join(dir, "meta.db")
			x := openOS(t, dir, func(o *Options) { o.ChunkRecords = 150 })
			if err := errors.Join(x.SetValue("epoch", []byte("7")), x.SetMark([]byte("the mark")), x.PutGroup(table.Group{Name: "G"})); err != nil {
				t.Fatal(err)
			}
			x.CommitOffset("G", "topic2", 2, 9)
			closeIndex(t, x)
			topics, mark, value, offset := 5, "the mark", "7", int64(9)
			switch what {
			case "a chunk damaged":
				x := openOS(t, dir, nil)
				x.Doubt(m.records[len(m.records)-1].PhyOffset)
				closeIndex(t, x)
			case "garbage":
				mark = ""
				if err := os.WriteFile(file, []byte(strings.Repeat("garbage ", 5000)), 0o600); err != nil {
					t.Fatal(err)
				}
			case "missing", "missing with its backup and journal":
				mark = ""
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
				if what != "missing" {
					topics, value, offset = 0, "", 0
					if err := errors.Join(os.Remove(filepath.Join(dir, "meta.bak")), os.Remove(filepath.Join(dir, "offsets.wal"))); err != nil {
						t.Fatal(err)
					}
				}
			case "left over":
				if err := os.WriteFile(file+".new", []byte("of an earlier attempt"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			done, err := remakeIn(t, dir, m.log())
			if err != nil {
				t.Fatal(err)
			}
			if done.Topics != topics || done.Mark != (mark != "") || done.Records == 0 || done.Chunks < 2 || (done.Lost == "") != (mark != "") || offset > 0 && done.Offsets != 2 {
				t.Errorf("it says %+v", done)
			}
			if _, err := os.Stat(file + ".new"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the new file is left: %v", err)
			}
			x = openOS(t, dir, nil)
			defer closeIndex(t, x)
			if x.Rebuilt() {
				t.Error("the new file was not taken as it is")
			}
			if what != "missing with its backup and journal" { // else it is not known what was taken
				m.check(t, x, "remade")
			}
			if got, _ := x.Topics(); len(got) != topics {
				t.Errorf("%d topics, want %d", len(got), topics)
			}
			if got, _ := x.Offset("G", "topic2", 2); got != offset || string(x.Value("epoch")) != value || string(x.Mark()) != mark {
				t.Errorf("offset %d, value %q, mark %q, want %d, %q, %q", got, x.Value("epoch"), x.Mark(), offset, value, mark)
			}
			if r := m.records[len(m.records)-1]; x.Checkpoint() != r.PhyOffset+int64(r.Size) {
				t.Errorf("the checkpoint is %d, want %d", x.Checkpoint(), r.PhyOffset+int64(r.Size))
			}
		})
	}
}

func TestARemakeThatFailsChangesNothing(t *testing.T) {
	dir, m := sampleIndex(t, 6)
	file := filepath.Join(dir, "meta.db")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	entries := listing(t, dir)
	enough := errors.New("enough")
	for fail := range 4 {
		n := 0
		_, err := remakeIn(t, dir, func(yield func(Record, error) bool) {
			for r := range m.log() {
				if n == fail*200 {
					yield(Record{}, enough)
					return
				}
				if n++; !yield(r, nil) {
					return
				}
			}
		})
		if !errors.Is(err, enough) {
			t.Errorf("fails with %v", err)
		}
	}
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) || listing(t, dir) != entries {
		t.Errorf("the folder has %s, had %s", listing(t, dir), entries)
	}
}
