package store

import (
	"bytes"
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

// FuzzCompare compares two logs in which anything lies at one place of each. What
// could be repaired is sound records at the peer, from where this log is bad.
func FuzzCompare(f *testing.F) {
	const size = 16 << 10
	s := &Store{opts: Options{SegmentSize: size}, limits: record.Limits{Record: 4 << 10}, crcSince: noCRC}
	var log []byte
	for i := range 150 {
		m := record.Message{Topic: "T", QueueOffset: int64(i), PhyOffset: int64(len(log)), Body: fmt.Appendf(nil, "body %d", i)}
		n, err := record.SizeCRC(&m)
		if err != nil {
			f.Fatal(err)
		}
		if rest := size - len(log)%size; n+fillerSize > rest {
			log = append(record.AppendBlank(log, rest), make([]byte, rest-fillerSize)...)[:len(log)+rest]
			m.PhyOffset = int64(len(log))
		}
		log = record.AppendCRC(log, &m)
	}
	f.Add(uint16(300), []byte("x"), uint16(0), []byte(nil))
	f.Add(uint16(300), log[300:900], uint16(500), []byte("y"))
	f.Add(uint16(0), log[16000:16600], uint16(16000), make([]byte, 600))
	f.Fuzz(func(t *testing.T, atHere uint16, here []byte, atThere uint16, there []byte) {
		ours, theirs := bytes.Clone(log), bytes.Clone(log)
		copy(ours[int(atHere)%len(log):], here)
		copy(theirs[int(atThere)%len(log):], there)
		over := func(b []byte) window {
			return window{end: int64(len(b)), size: size, read: func(p []byte, off int64) (int, error) { return copy(p, b[off:]), nil }}
		}
		c := &comparing{s: s, end: int64(len(log)), here: over(ours), there: over(theirs)}
		for at := int64(0); at < c.end && !c.found.Parted; {
			next, err := c.step(at)
			if err != nil || next <= at {
				t.Fatalf("from %d on to %d: %v", at, next, err)
			}
			at = next
		}
		for _, found := range c.found.Findings {
			if found.From < 0 || found.To <= found.From || found.To > c.end {
				t.Fatalf("%+v", found)
			}
			for at := found.From; found.Kind == BadHere && found.Note == "" && at < found.To; {
				v, err := s.judge(&c.there, at)
				if err != nil || v.bad != nil {
					t.Fatalf("%+v: at %d the peer has %v, %v", found, at, v.bad, err)
				}
				at += v.size
			}
		}
		if bytes.Equal(ours, theirs) != (len(c.found.Findings) == 0) {
			for i := range ours { // behind the head of a filler nothing counts
				if ours[i] != theirs[i] && i%size < 15<<10 {
					t.Fatalf("they differ at %d: %+v", i, c.found.Findings)
				}
			}
		}
	})
}
