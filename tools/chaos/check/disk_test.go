package check

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"pairmq/store/record"
)

// disks are the folders of both brokers at the end of a story.
type disks struct {
	*story
	t    *testing.T
	a, b string
}

func newDisks(t *testing.T, s *story) *disks {
	d := &disks{story: s, t: t}
	aside := map[string][]byte{s.loser: s.cut}
	d.a, d.b = s.write(t, aside["a"]), s.write(t, aside["b"])
	return d
}

func (d *disks) both() []string { return []string{d.a, d.b} }

// check reads both folders and judges the story by them.
func (d *disks) check() (Summary, []Violation) {
	d.t.Helper()
	var logs [2]Log
	for i, dir := range d.both() {
		var err error
		if logs[i], err = ReadLog(dir, []string{"a", "b"}[i], storyTopic, storySegment); err != nil {
			d.t.Fatal(err)
		}
		logs[i].Master = d.owner == logs[i].Broker
	}
	return Check(d.h, logs[0], logs[1], storyBounds())
}

// put writes b at an offset of the log in some folders.
func (d *disks) put(at int64, b []byte, dirs ...string) {
	d.t.Helper()
	for _, dir := range dirs {
		f, err := os.OpenFile(segmentFile(dir, int(at/storySegment*storySegment)), os.O_WRONLY, 0)
		if err != nil {
			d.t.Fatal(err)
		}
		_, err = f.WriteAt(b, at%storySegment)
		if err = errors.Join(err, f.Close()); err != nil {
			d.t.Fatal(err)
		}
	}
}

// flip changes one byte of the log in one folder.
func (d *disks) flip(at int64, dir string) { d.put(at, []byte{d.bytes[at] ^ 1}, dir) }

// rewrite changes a message in the log in some folders, as sound as before.
func (d *disks) rewrite(r Record, change func(*record.Message), dirs ...string) {
	d.t.Helper()
	v, err := record.Parse(d.bytes[r.PhyOffset:], record.Limits{})
	if err != nil {
		d.t.Fatal(err)
	}
	m := v.Message()
	m.Body = slices.Clone(m.Body)
	change(&m)
	b := record.AppendCRC(nil, &m)
	if int64(len(b)) != r.Size {
		d.t.Fatalf("the record has %d bytes now, not %d", len(b), r.Size)
	}
	d.put(r.PhyOffset, b, dirs...)
}

// some is a record of which OK was said, with letters in its body.
func (d *disks) some() Record {
	for i := d.promised(); ; i++ {
		if r := d.log[i]; d.sendOf(i) != nil && r.Size > 300 {
			return r
		}
	}
}

// asides are the files that were set aside.
func (d *disks) asides() []string {
	var all []string
	for _, dir := range d.both() {
		files, err := filepath.Glob(filepath.Join(dir, "quarantine", "*"))
		if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, files...)
	}
	return all
}

func (d *disks) do(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// TestGoodStoriesPassFromDisk: what the brokers' folders say is what the logs of
// a story are, and nothing is wrong with it.
func TestGoodStoriesPassFromDisk(t *testing.T) {
	for _, m := range modes() {
		for _, event := range events() {
			for seed := range uint64(2) {
				s := newStory(seed, m, event)
				want, _ := s.check()
				d := newDisks(t, s)
				got, found := d.check()
				if len(found) > 0 || got != want {
					t.Errorf("%s, %s, seed %d: %d violations %v; %+v, want %+v", m, event, seed, len(found), found[:min(1, len(found))], got, want)
				}
				for i, dir := range d.both() {
					want := []Log{s.a, s.b}[i]
					l, err := ReadLog(dir, want.Broker, storyTopic, storySegment)
					if l.Master = want.Master; err != nil || !reflect.DeepEqual(l, want) {
						t.Errorf("%s, %s, seed %d: another log of %s was read (%v)", m, event, seed, want.Broker, err)
					}
				}
			}
		}
	}
}

// TestSpoiledDisksAreCaught: what is wrong in the bytes of a log is found, and by
// its rule.
func TestSpoiledDisksAreCaught(t *testing.T) {
	for _, sp := range []struct {
		name, rule string
		spoil      func(*disks)
		modes      func(Mode) bool   // nil means all
		event      func(string) bool // nil means all
	}{
		{"a promised message is in neither log", "C1", func(d *disks) {
			d.rewrite(d.some(), func(m *record.Message) { m.Topic = "Other" }, d.both()...)
		}, nil, nil},
		{"the promised end is not set aside", "C1", func(d *disks) {
			for _, file := range d.asides() {
				d.do(os.Remove(file))
			}
		}, asyncMaster, forced},
		{"what is set aside was damaged", "C1", func(d *disks) {
			for _, file := range d.asides() {
				b, err := os.ReadFile(file)
				d.do(err)
				for i := range b {
					if i%300 == 120 { // beyond the lengths of a record that begins before
						b[i] ^= 1
					}
				}
				d.do(os.WriteFile(file, b, 0o644))
			}
		}, asyncMaster, forced},
		{"nobody sent what is in the log", "C2", func(d *disks) {
			d.rewrite(d.some(), func(m *record.Message) { m.Body[len(m.Body)-1] ^= 1 }, d.both()...)
		}, nil, nil},
		{"a body was changed", "C3", func(d *disks) { r := d.some(); d.flip(r.PhyOffset+r.Size/2, d.a) }, nil, nil},
		{"a body was changed on both", "C3", func(d *disks) {
			r := d.some()
			d.flip(r.PhyOffset+r.Size/2, d.a)
			d.flip(r.PhyOffset+r.Size/2, d.b)
		}, nil, nil},
		{"a checksum of a body is wrong", "C3", func(d *disks) { d.flip(d.some().PhyOffset+8, d.b) }, nil, nil},
		{"a checksum of a record is wrong", "C3", func(d *disks) { r := d.some(); d.flip(r.PhyOffset+r.Size-2, d.b) }, nil, nil},
		{"there is something behind the end", "C3", func(d *disks) { d.put(int64(len(d.bytes))+50, []byte("x"), d.a) }, nil, nil},
		{"there is half a record behind the end", "C3", func(d *disks) {
			r := d.some()
			d.put(int64(len(d.bytes)), d.bytes[r.PhyOffset:][:min(r.Size, storySegment-int64(len(d.bytes))%storySegment)-1], d.a)
		}, nil, nil},
		{"there is a record in a segment prepared ahead", "C3", func(d *disks) {
			r := d.some()
			d.put(int64(len(d.bytes)/storySegment+1)*storySegment, d.bytes[r.PhyOffset:][:r.Size], d.a)
		}, nil, nil},
		{"there is a byte in a segment prepared ahead", "C3", func(d *disks) {
			d.put(int64(len(d.bytes)/storySegment+2)*storySegment-1, []byte("x"), d.b)
		}, nil, nil},
		{"a segment is too short", "C3", func(d *disks) { d.do(os.Truncate(segmentFile(d.a, storySegment), storySegment-1)) }, nil, nil},
		{"a segment is too long", "C3", func(d *disks) { d.do(os.Truncate(segmentFile(d.b, storySegment), 2*storySegment)) }, nil, nil},
		{"a segment prepared ahead is too short", "C3", func(d *disks) {
			d.do(os.Truncate(segmentFile(d.a, (len(d.bytes)/storySegment+1)*storySegment), 0))
		}, nil, nil},
		{"a segment is missing", "C3", func(d *disks) { d.do(os.Remove(segmentFile(d.a, 2*storySegment))) }, nil, nil},
		{"one log lacks its last record", "C4", func(d *disks) {
			r := d.log[len(d.log)-1]
			d.put(r.PhyOffset, make([]byte, r.Size), d.b)
		}, nil, nil},
		{"one byte differs, and the record is sound", "C4", func(d *disks) {
			d.rewrite(d.some(), func(m *record.Message) { m.StoreTimestamp++ }, d.a)
		}, nil, nil},
		{"one byte differs in a filler", "C4", func(d *disks) { d.flip(d.filler()+record.BlankSize, d.a) }, nil, nil},
		{"a queue has a hole", "C5", func(d *disks) {
			d.rewrite(d.some(), func(m *record.Message) { m.QueueOffset += 1000 }, d.both()...)
		}, nil, nil},
		{"a message is in another queue", "C5", func(d *disks) {
			d.rewrite(d.some(), func(m *record.Message) { m.QueueID = (m.QueueID + 1) % storyProducers }, d.both()...)
		}, nil, nil},
		{"what was delivered is neither there nor set aside", "C7", func(d *disks) {
			for _, file := range d.asides() {
				d.do(os.Truncate(file, 0))
			}
		}, nil, forced},
		{"SYNC_MASTER promised and delivered it, and another one is there", "C7", func(d *disks) {
			d.rewrite(d.some(), func(m *record.Message) { m.Body[len(m.Body)-1] ^= 1 }, d.both()...)
		}, syncMaster, nil},
	} {
		t.Run(fmt.Sprintf("%s/%s", sp.rule, sp.name), func(t *testing.T) {
			for _, m := range []Mode{{SyncFlush: true}, {SyncMaster: true}} {
				for _, event := range []string{calm, promoted} {
					if sp.modes != nil && !sp.modes(m) || sp.event != nil && !sp.event(event) {
						continue
					}
					d := newDisks(t, newStory(5, m, event))
					sp.spoil(d)
					_, found := d.check()
					if !slices.ContainsFunc(found, func(v Violation) bool { return v.Rule == sp.rule }) {
						t.Errorf("%s, %s: found %v, want one of %s", m, event, found, sp.rule)
					}
				}
			}
		})
	}
}

// filler is where the filler of the first segment begins that has one longer than its head.
func (d *disks) filler() int64 {
	for i, r := range d.log[1:] {
		before := d.log[i]
		if end := before.PhyOffset + before.Size; r.PhyOffset-end > record.BlankSize {
			return end
		}
	}
	panic("the story is too short")
}

// TestReadAside: whole and sound messages are found wherever they lie in
// whichever file.
func TestReadAside(t *testing.T) {
	s := newStory(4, Mode{}, calm)
	next := slices.IndexFunc(s.log, func(r Record) bool { return r.PhyOffset >= storySegment })
	from, to := s.log[next-2], s.log[next+2] // with a filler between them
	part := s.bytes[from.PhyOffset : to.PhyOffset+to.Size]
	flipped := slices.Clone(part)
	flipped[from.Size-5-40] ^= 1 // the first one's checksum tells
	stranger := record.AppendCRC(nil, &record.Message{Topic: storyTopic, Body: []byte("chaos 5 nothing like it")})
	ids := func(from, to int) map[int64]bool {
		all := map[int64]bool{}
		for _, r := range s.log[next-2 : next+3][from:to] {
			all[r.ID] = true
		}
		return all
	}
	for _, tt := range []struct {
		name  string
		files [][]byte
		want  map[int64]bool
	}{
		{"nothing", nil, ids(0, 0)},
		{"an empty file", [][]byte{nil}, ids(0, 0)},
		{"whole records", [][]byte{part}, ids(0, 5)},
		{"it begins in the first one's head", [][]byte{part[3:]}, ids(1, 5)},
		{"it begins in the first one's body", [][]byte{part[from.Size/2:]}, ids(1, 5)},
		{"it ends in the last one", [][]byte{part[:len(part)-1]}, ids(0, 4)},
		{"it begins and ends in one", [][]byte{part[1 : from.Size-1]}, ids(0, 0)},
		{"two files", [][]byte{part[:from.Size], part[from.Size:]}, ids(0, 5)},
		{"two files, cut inside a record", [][]byte{part[:from.Size+9], part[from.Size+9:]}, without(ids(0, 5), s.log[next-1].ID)},
		{"one is not sound", [][]byte{flipped}, ids(1, 5)},
		{"nobody's message first", [][]byte{append(slices.Clone(stranger), part...)}, ids(0, 5)},
		{"zeros around it", [][]byte{slices.Concat(make([]byte, 33), part, make([]byte, 33))}, ids(0, 5)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "quarantine"), 0o755); err != nil {
				t.Fatal(err)
			}
			for i, b := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, "quarantine", fmt.Sprintf("commitlog-%020d-%d", from.PhyOffset, i)), b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			l, err := ReadLog(dir, "a", storyTopic, storySegment)
			if err != nil || !maps.Equal(l.Aside, tt.want) {
				t.Errorf("aside are %v, %v; want %v", l.Aside, err, tt.want)
			}
		})
	}
}

func without(ids map[int64]bool, id int64) map[int64]bool {
	delete(ids, id)
	return ids
}
