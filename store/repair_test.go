package store

import (
	"context"
	"fmt"
	"testing"

	"pairmq/hal/disk/diskfault"
	"pairmq/store/index"
	"pairmq/store/record"
)

// TestIndexAgain lets the index have learned from bytes that were bad: once they
// are mended, so is the chunk.
func TestIndexAgain(t *testing.T) {
	s, err := Open(Options{FS: diskfault.New(diskfault.Plan{Real: t.TempDir()}), SegmentSize: 64 << 10, SyncFlush: true, ChunkBytes: 4 << 10, IndexNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for i := range 100 {
		done := make(chan error, 1)
		if err := s.Put([]record.Message{{Topic: "T", Body: fmt.Appendf(nil, "body %d", i)}}, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if err := s.index.SealAll(s.clog.Durable()); err != nil {
		t.Fatal(err)
	}
	phy := func(offset int64) int64 {
		var u [1]index.Unit
		if n, ok := s.index.Range("T", 0, offset, u[:]); !ok || n == 0 {
			return -1
		}
		return u[0].PhyOffset
	}
	at := phy(10)
	rec, err := s.RecordAt(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.indexAgain(rec); err != nil || len(s.index.Damaged()) > 0 || phy(10) != at {
		t.Fatalf("a good record: %v, %v", err, s.index.Damaged())
	}
	s.index.Doubt(at)
	spans := s.index.Damaged()
	if len(spans) != 1 || at < spans[0].Start || at >= spans[0].End {
		t.Fatalf("the chunk of %d is in %v", at, spans)
	}
	err = s.index.Rebuild(spans[0], func(yield func(index.Record, error) bool) {
		for r, err := range s.records(spans[0].Start, spans[0].End) {
			if r.PhyOffset == at {
				r.QueueID = 7 // as a flipped bit would have it
			}
			if !yield(r, err) {
				return
			}
		}
	})
	if err != nil || phy(10) == at {
		t.Fatalf("the chunk is as it was: %v", err)
	}
	if err := s.indexAgain(rec); err != nil || phy(10) != at {
		t.Errorf("the index says %d, %v, want %d", phy(10), err, at)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
