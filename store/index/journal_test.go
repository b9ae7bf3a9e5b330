package index

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

func tinyJournal(o *Options) { o.JournalBytes = 8 * pageSize }

// crash ends x as a killed process does: what was written stays.
func crash(t *testing.T, x *Index) {
	t.Helper()
	if err := errors.Join(x.offsets.close(), x.db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A groupQueue names one consumer offset.
type groupQueue struct {
	group string
	queueName
}

type offsetState map[groupQueue]GroupOffset

func stateOf(x *Index) offsetState {
	state := offsetState{}
	for group, list := range x.AllOffsets() {
		for _, g := range list {
			state[groupQueue{group, queueName{g.Topic, g.QueueID}}] = g
		}
	}
	return state
}

// An offsetModel is what the offsets should be.
type offsetModel struct {
	rng   *rand.Rand
	now   offsetState
	saved offsetState // what the journal has
}

// step does one thing with x, and to the model.
func (m *offsetModel) step(t *testing.T, x *Index) {
	t.Helper()
	name := groupQueue{fmt.Sprintf("group%d", m.rng.IntN(3)), queueName{fmt.Sprintf("topic%d", m.rng.IntN(3)), int32(m.rng.IntN(40))}}
	g, had := m.now[name]
	g.Topic, g.QueueID = name.topic, name.id
	to := m.rng.Int64N(1000)
	var err error
	durable := true
	switch chance := m.rng.IntN(100); {
	case chance < 80:
		durable = false
		x.CommitOffset(name.group, name.topic, name.id, to)
		if !had || to > g.Offset {
			g.Offset = to
			m.now[name] = g
		}
	case chance < 90:
		err = x.FlushOffsets()
	case chance < 97:
		err = x.ResetOffset(name.group, name.topic, name.id, to)
		version := versionOf(x, name)
		if version <= g.Version {
			t.Errorf("a reset made version %d of %d", version, g.Version)
		}
		g.Offset, g.Version = to, version
		m.now[name] = g
	case chance < 98:
		n := len(m.now)
		err = x.DeleteOffsets(name.group)
		maps.DeleteFunc(m.now, func(k groupQueue, _ GroupOffset) bool { return k.group == name.group })
		durable = len(m.now) < n // nothing to delete: nothing is written
	default:
		n := len(m.now)
		err = x.DeleteTopic(name.topic, 0)
		maps.DeleteFunc(m.now, func(k groupQueue, _ GroupOffset) bool { return k.topic == name.topic })
		durable = len(m.now) < n
	}
	if err != nil {
		t.Fatal(err)
	}
	if durable {
		m.saved = maps.Clone(m.now)
	}
}

func versionOf(x *Index, name groupQueue) uint32 {
	for _, g := range x.Offsets(name.group) {
		if g.Topic == name.topic && g.QueueID == name.id {
			return g.Version
		}
	}
	return 0
}

// TestOffsetsModel commits, resets and forgets at random, over many laps of the
// journal, ends in every way, and loses the file or the journal at times.
func TestOffsetsModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			m := &offsetModel{rng: rand.New(rand.NewPCG(seed, 3)), now: offsetState{}, saved: offsetState{}}
			x := openOS(t, dir, tinyJournal)
			for round := range 40 {
				for range m.rng.IntN(60) {
					m.step(t, x)
				}
				x = m.restart(t, x, dir)
				if got := stateOf(x); !maps.Equal(got, m.now) {
					t.Fatalf("round %d: offsets are\n%v, want\n%v", round, got, m.now)
				}
			}
			closeIndex(t, x)
		})
	}
}

func (m *offsetModel) restart(t *testing.T, x *Index, dir string) *Index {
	t.Helper()
	lose := ""
	switch m.rng.IntN(5) {
	case 0, 1:
		m.now = maps.Clone(m.saved)
		crash(t, x)
	case 2: // the file has it all, also without the journal
		lose = "offsets.wal"
		closeIndex(t, x)
	case 3: // the journal has all that was flushed, also without the file
		lose = "meta.db"
		if err := x.FlushOffsets(); err != nil {
			t.Fatal(err)
		}
		crash(t, x)
	default:
		closeIndex(t, x)
	}
	if lose != "" {
		if err := os.Remove(filepath.Join(dir, lose)); err != nil {
			t.Fatal(err)
		}
	}
	m.saved = maps.Clone(m.now)
	return openOS(t, dir, tinyJournal)
}

// TestTornJournal damages the journal anywhere: what comes back is what some
// flush had written, or what the file has.
func TestTornJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := openOS(t, dir, tinyJournal)
	states := []offsetState{stateOf(x)}
	for i := range int64(12) {
		x.CommitOffset("G", "T", int32(i%5), 10+i)
		if err := x.FlushOffsets(); err != nil {
			t.Fatal(err)
		}
		states = append(states, stateOf(x))
	}
	crash(t, x)
	file := filepath.Join(dir, "offsets.wal")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	db, err := os.ReadFile(filepath.Join(dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for seed := range uint64(150) {
		bad := tear(good, seed)
		if err := errors.Join(os.WriteFile(file, bad, 0o600), os.WriteFile(filepath.Join(dir, "meta.db"), db, 0o600)); err != nil {
			t.Fatal(err)
		}
		x := openOS(t, dir, tinyJournal)
		got := stateOf(x)
		i := slices.IndexFunc(states, func(s offsetState) bool { return reflect.DeepEqual(s, got) })
		if i < 0 {
			t.Fatalf("seed %d: offsets are %v, which they never were", seed, got)
		}
		seen[i] = true
		x.CommitOffset("G", "T", 9, 99)
		if err := x.FlushOffsets(); err != nil {
			t.Fatalf("seed %d: FlushOffsets = %v", seed, err)
		}
		want := stateOf(x)
		crash(t, x)
		x = openOS(t, dir, tinyJournal)
		if got := stateOf(x); !maps.Equal(got, want) {
			t.Fatalf("seed %d: after another flush and a crash offsets are %v, want %v", seed, got, want)
		}
		crash(t, x)
	}
	t.Logf("150 ways to damage the journal, %d of its %d states came back", len(seen), len(states))
	if !seen[len(states)-1] || len(seen) < 4 {
		t.Errorf("states %v came back, want the last and several before it", seen)
	}
}

// tear returns a copy of the journal with one thing wrong, or nothing.
func tear(good []byte, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 4))
	bad := slices.Clone(good)
	page := bad[rng.IntN(len(bad)/pageSize)*pageSize:][:pageSize]
	switch rng.IntN(4) {
	case 0:
		clear(page[rng.IntN(8)*512:])
	case 1:
		bit := rng.IntN(8 * 200)
		page[bit/8] ^= 1 << (bit % 8)
	case 2:
		bad = bad[:rng.IntN(len(bad))]
	default:
		for i := range page[:512] {
			page[i] = byte(rng.Uint32())
		}
	}
	return bad
}

func TestOffsetsNeverGoBack(t *testing.T) {
	x := openOS(t, t.TempDir(), func(o *Options) { o.Now = func() time.Time { return time.Unix(7, 0) } })
	defer closeIndex(t, x)
	x.CommitOffset("G", "T", 0, 10)
	x.CommitOffset("G", "T", 0, 9)
	x.CommitOffset("G", "T", 1, -1)
	want := []GroupOffset{{Topic: "T", QueueID: 0, Offset: 10}}
	if got := x.Offsets("G"); !slices.Equal(got, want) {
		t.Errorf("Offsets = %v, want %v", got, want)
	}
	if err := x.ResetOffset("G", "T", 0, 4); err != nil {
		t.Fatal(err)
	}
	want = []GroupOffset{{Topic: "T", QueueID: 0, Offset: 4, Version: 7}}
	if got := x.Offsets("G"); !slices.Equal(got, want) {
		t.Errorf("after a reset Offsets = %v, want %v", got, want)
	}
	if got := x.Offsets("other"); got != nil {
		t.Errorf("Offsets of an unknown group = %v", got)
	}
}
