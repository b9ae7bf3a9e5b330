package index

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"pairmq/store/table"
)

// sampleFile returns the used pages of a bbolt file with a bit of everything.
func sampleFile(t testing.TB) []byte {
	t.Helper()
	dir, _ := sampleIndex(t, 1)
	file, err := os.ReadFile(filepath.Join(dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, used, err := readMeta(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return file[:used*pageSize]
}

// sampleIndex makes an index with chunks, tables and offsets, closed, and the
// log that it follows from.
func sampleIndex(t testing.TB, seed uint64) (dir string, m *model) {
	t.Helper()
	dir, m = t.TempDir(), newModel(seed)
	x := openOS(t, dir, func(o *Options) { o.ChunkRecords = 150 })
	for i := range 5 {
		if err := x.PutTopic(table.Topic{Name: fmt.Sprintf("topic%d", i), WriteQueueNums: 4}); err != nil {
			t.Fatal(err)
		}
	}
	for range 900 {
		x.Apply(m.append())
	}
	if err := x.Seal(m.end); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "old.db"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		x.Apply(m.append())
	}
	x.CommitOffset("G", "topic1", 1, 5)
	if err := x.SealAll(m.end); err != nil {
		t.Fatal(err)
	}
	if err := m.drop(x); err != nil {
		t.Fatal(err)
	}
	if err := x.FlushOffsets(); err != nil {
		t.Fatal(err)
	}
	closeIndex(t, x)
	return dir, m
}

// mend makes damaged chunks anew until none is left, as a store does.
func (m *model) mend(t *testing.T, x *Index, when string) (mended int) {
	t.Helper()
	for {
		var names []queueName
		x.EachQueue(func(topic string, id int32, _, _ int64) { names = append(names, queueName{topic, id}) })
		for _, name := range names {
			readSome(x, name)
		}
		x.FindKeys(math.MaxUint32, 0, 1<<62, 1<<20) // looks into the only piece of each chunk
		spans := x.Damaged()
		if spans == nil {
			return mended
		}
		for _, span := range spans {
			if err := x.Rebuild(span, m.in(span)); err != nil {
				t.Fatalf("%s: Rebuild(%v) = %v", when, span, err)
			}
			mended++
		}
		if mended > 1000 {
			t.Fatalf("%s: still damaged: %v", when, spans)
		}
	}
}

// readSome reads a queue's units as far as it can.
func readSome(x *Index, name queueName) {
	from, end, _ := x.Bounds(name.topic, name.id)
	units := make([]Unit, 32)
	for ok := true; ok && from < end; {
		var n int
		n, _ = x.Range(name.topic, name.id, from, units)
		if from += int64(n); n == 0 {
			from, ok = x.NextOffset(name.topic, name.id, from+1)
		}
	}
}

// in yields the records of a run of log.
func (m *model) in(span Span) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range m.records {
			if r.PhyOffset >= max(span.Start, m.floor) && r.PhyOffset < span.End && !yield(r, nil) {
				return
			}
		}
	}
}

// TestDamagedPages damages the file in many ways. It always opens, tables and
// offsets are there, and after what it asks for the units are right.
func TestDamagedPages(t *testing.T) {
	t.Parallel()
	dir, m := sampleIndex(t, 1)
	good, err := os.ReadFile(filepath.Join(dir, "meta.db"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(dir, "old.db"))
	if err != nil {
		t.Fatal(err)
	}
	rebuilt, mended := 0, 0
	for seed := range uint64(40) {
		file := filepath.Join(dir, "meta.db")
		bad, how := damage(good, old, *onlySeed+seed)
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		when := fmt.Sprintf("seed %d, %s", seed, how)
		x := openOS(t, dir, small)
		if x.Rebuilt() {
			rebuilt++
		}
		m.apply(x)
		if err := m.dropAgain(x); err != nil {
			t.Fatal(err)
		}
		mended += m.mend(t, x, when)
		m.check(t, x, when)
		if topics, _ := x.Topics(); len(topics) != 5 {
			t.Fatalf("%s: %d topics, want 5", when, len(topics))
		}
		if got, ok := x.Offset("G", "topic1", 1); got != 5 || !ok {
			t.Fatalf("%s: Offset = %d, %v, want 5", when, got, ok)
		}
		closeIndex(t, x)
	}
	if rebuilt == 0 || mended == 0 {
		t.Errorf("%d files were made anew and %d chunks mended: the damage proves too little", rebuilt, mended)
	}
	t.Logf("40 ways to damage the file: %d made anew, %d chunks mended", rebuilt, mended)
	entries, err := os.ReadDir(filepath.Join(dir, "quarantine"))
	if err != nil || len(entries) != keptDamaged {
		t.Errorf("%d files in quarantine, %v, want %d", len(entries), err, keptDamaged)
	}
}

// damage returns a copy of a file with one thing wrong; old is the file as it
// was earlier.
func damage(good, old []byte, seed uint64) (bad []byte, how string) {
	rng := rand.New(rand.NewPCG(seed, 2))
	bad = append(bad, good...)
	_, used, err := readMeta(bytes.NewReader(good))
	if err != nil {
		panic(err)
	}
	pages := int(used)
	page := rng.IntN(pages)
	at := bad[page*pageSize:][:pageSize]
	switch rng.IntN(8) {
	case 0:
		how = fmt.Sprintf("page %d is zeros", page)
		clear(at)
	case 1:
		how = fmt.Sprintf("page %d is garbage", page)
		for i := range at {
			at[i] = byte(rng.Uint32())
		}
	case 2:
		from := rng.IntN(pages)
		how = fmt.Sprintf("page %d has what page %d had", page, from)
		copy(at, good[from*pageSize:][:pageSize])
	case 3, 4:
		how = fmt.Sprintf("page %d is as it was", page)
		copy(at, old[min(page*pageSize, len(old)):])
	case 5:
		keep := 1 + rng.IntN(pages)
		how = fmt.Sprintf("cut to %d pages", keep)
		bad = bad[:keep*pageSize]
	case 6:
		bit := rng.IntN(8 * 64)
		how = fmt.Sprintf("bit %d of page %d is flipped", bit, page)
		at[bit/8] ^= 1 << (bit % 8)
	default:
		bit := rng.IntN(8 * pageSize)
		how = fmt.Sprintf("bit %d of page %d is flipped", bit, page)
		at[bit/8] ^= 1 << (bit % 8)
	}
	return bad, how
}
