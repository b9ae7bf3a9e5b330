package index

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
)

// spoil changes one byte of a value in the chunk at start.
func spoil(t *testing.T, x *Index, start int64, kind byte) {
	t.Helper()
	must(t, x.update(func(tx *bbolt.Tx) error {
		b := chunkBucket(tx, start)
		key := chunkValueKey(nil, kind, 0)
		value := slices.Clone(b.Get(key))
		value[len(value)/2] ^= 1
		return b.Put(key, value)
	}))
}

// plainLog is n records of 100 bytes in one queue.
func plainLog(n int) []Record {
	log := make([]Record, n)
	for i := range log {
		log[i] = Record{PhyOffset: int64(i) * 100, Size: 100, Topic: "T", QueueOffset: int64(i), StoreTimestamp: int64(i), Keys: []uint32{uint32(i % 7)}}
	}
	return log
}

func yieldAll(log []Record) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range log {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestRebuild(t *testing.T) {
	for _, test := range []struct {
		name  string
		start int64
		kind  byte
		blind bool
	}{
		{"directory of the first chunk", 0, kindDirectory, true},
		{"directory in the middle", 8000, kindDirectory, true},
		{"directory of the last chunk", 16000, kindDirectory, true},
		{"blocks", 8000, kindBlocks, false},
		{"keys", 4000, kindKeys, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, log := t.TempDir(), plainLog(200)
			x := openOS(t, dir, small)
			for _, r := range log {
				x.Apply(r)
			}
			must(t, x.Seal(20000))
			spoil(t, x, test.start, test.kind)
			closeIndex(t, x)
			x = openOS(t, dir, small)
			defer closeIndex(t, x)

			units := make([]Unit, 200)
			if n, ok := x.Range("T", 0, test.start/100, units); (n > 0 || ok) && test.kind != kindKeys {
				t.Errorf("Range in the damaged chunk = %d, %v", n, ok)
			}
			x.FindKeys(3, 0, 1000, 1000)
			want := []Span{{test.start, test.start + 4000}}
			if got := x.Damaged(); !slices.Equal(got, want) || x.blind != test.blind {
				t.Fatalf("Damaged = %v, blind %v, want %v, %v", got, x.blind, want, test.blind)
			}
			broken := func(yield func(Record, error) bool) { yield(Record{}, errors.New("unreadable")) }
			if err := x.Rebuild(want[0], broken); err == nil || x.Damaged() == nil || x.Failed() != nil {
				t.Errorf("Rebuild from an unreadable log = %v, Damaged = %v, Failed = %v", err, x.Damaged(), x.Failed())
			}
			must(t, x.Rebuild(Span{1, 2}, yieldAll(log)), x.Rebuild(want[0], yieldAll(log)))
			if got := x.Damaged(); got != nil {
				t.Errorf("after Rebuild Damaged = %v", got)
			}
			if n, ok := x.Range("T", 0, 0, units); n != 200 || !ok || units[199].PhyOffset != 19900 {
				t.Errorf("after Rebuild Range = %d, %v", n, ok)
			}
			if got := x.FindKeys(3, 0, 1000, 1000); len(got) != 29 || got[0] != 19900 {
				t.Errorf("after Rebuild FindKeys = %d", got)
			}
			if got := x.FindKeys(3, 0, 1000, 5); !slices.Equal(got, []int64{19900, 19200, 18500, 17800, 17100}) {
				t.Errorf("FindKeys with a limit = %d", got)
			}
		})
	}
}

// TestLostChunk opens a file from which a chunk is missing, as after a write
// that the device lost.
func TestLostChunk(t *testing.T) {
	for _, lost := range []int64{0, 8000, 16000} {
		dir, log := t.TempDir(), plainLog(200)
		x := openOS(t, dir, small)
		for _, r := range log {
			x.Apply(r)
		}
		must(t, x.Seal(20000))
		must(t, x.update(func(tx *bbolt.Tx) error { return deleteChunks(tx, []int64{lost}) }))
		closeIndex(t, x)
		x = openOS(t, dir, small)
		if !x.Rebuilt() || x.Checkpoint() != 0 {
			t.Errorf("without the chunk at %d: Rebuilt = %v, Checkpoint = %d, want true, 0", lost, x.Rebuilt(), x.Checkpoint())
		}
		closeIndex(t, x)
	}
}
