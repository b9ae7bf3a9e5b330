package index

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var onlySeed = flag.Uint64("seed", 0, "the model test uses this seed alone, other tests begin with it")

// small makes chunks close after a few records.
func small(o *Options) { o.ChunkRecords, o.ChunkBytes = 40, 16<<10 }

// TestModel does what a store does, in random order, and compares with the log
// after each step.
func TestModel(t *testing.T) {
	seeds := []uint64{1, 2, 3, 4, 5, 6}
	if *onlySeed != 0 {
		seeds = []uint64{*onlySeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := &session{m: newModel(seed), dir: t.TempDir()}
			s.x = openOS(t, s.dir, small)
			for step := range 120 {
				name := s.step(t)
				s.m.check(t, s.x, fmt.Sprintf("seed %d, step %d, %s", seed, step, name))
			}
			closeIndex(t, s.x)
		})
	}
}

// A session is an index and its model.
type session struct {
	m   *model
	x   *Index
	dir string
}

// step does one thing and returns its name.
func (s *session) step(t *testing.T) string {
	t.Helper()
	m, x := s.m, s.x
	var err error
	name := "append"
	switch chance := m.rng.IntN(100); {
	case chance < 50:
		for range m.rng.IntN(60) {
			s.append()
		}
	case chance < 65:
		name = "seal"
		err = x.Seal(m.rng.Int64N(m.end + 1))
	case chance < 70:
		name = "seal all"
		err = x.SealAll(m.end)
	case chance < 78:
		name = "drop"
		err = m.drop(x)
	case chance < 84:
		name = "truncate"
		m.truncate(max(m.fixed, m.end-m.rng.Int64N(m.end/4+1)))
		err = x.Truncate(m.end)
		m.apply(x)
	case chance < 90:
		name = "delete topic"
		topic := fmt.Sprintf("topic%d", m.rng.IntN(4))
		if len(m.records) > 0 {
			m.deleted[topic] = m.end
			err = x.DeleteTopic(topic, m.end)
		}
	case chance < 97:
		name = "reopen"
		s.reopen(t)
	default:
		name = "rebuild"
		s.rebuild(t)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return name
}

// append stores a record; half of them go by a queue's handle.
func (s *session) append() {
	r := s.m.append()
	if r.PhyOffset%2 == 0 {
		s.x.Apply(r)
		return
	}
	s.x.ApplyTo(s.x.Queue(r.Topic, r.QueueID), r)
}

func (s *session) reopen(t *testing.T) {
	t.Helper()
	closeIndex(t, s.x)
	s.x = openOS(t, s.dir, small)
	if s.x.Rebuilt() {
		t.Fatal("Rebuilt after an ordinary Close")
	}
	s.m.apply(s.x)
}

// rebuild loses the file: everything has to come back from log and backup.
func (s *session) rebuild(t *testing.T) {
	t.Helper()
	closeIndex(t, s.x)
	if err := os.Remove(filepath.Join(s.dir, "meta.db")); err != nil {
		t.Fatal(err)
	}
	s.x = openOS(t, s.dir, small)
	if !s.x.Rebuilt() || s.x.Checkpoint() != 0 {
		t.Fatalf("Rebuilt = %v, Checkpoint = %d after the file was lost", s.x.Rebuilt(), s.x.Checkpoint())
	}
	s.m.apply(s.x)
}
