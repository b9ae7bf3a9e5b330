package index

import (
	"fmt"
	"iter"

	"go.etcd.io/bbolt"
)

// A Span is a run of log, in bytes, that one chunk indexes.
type Span struct{ Start, End int64 }

// Damaged returns the runs of log whose chunks cannot be read in full. Range
// serves nothing from the bad parts; Rebuild makes the chunk anew. Damage that
// Open found may hide units, so it is to be mended before consumers are served.
func (x *Index) Damaged() (spans []Span) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, c := range x.sealed {
		if c.damaged {
			spans = append(spans, Span{c.start, c.end})
		}
	}
	return spans
}

// markDamaged notes that part of a chunk cannot be read.
func (x *Index) markDamaged(start int64, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.noteDamaged(start, err)
}

func (x *Index) noteDamaged(start int64, err error) {
	if i := x.findChunk(start); i >= 0 && !x.sealed[i].damaged {
		x.sealed[i].damaged = true
		x.log.Error("a chunk of the index is damaged", "phyOffset", start, "err", err)
	}
}

// Rebuild makes the chunk of span, which Damaged returned, anew from the
// records that its log has, in log order; others are ignored. An error among
// them ends it and is returned, the chunk is as it was then. Durable on return.
func (x *Index) Rebuild(span Span, records iter.Seq2[Record, error]) error {
	x.write.Lock()
	defer x.write.Unlock()
	b := &chunkBuilder{x: x, chunk: &memChunk{start: span.Start, end: span.Start, open: true}, aside: map[*Queue]*Queue{}}
	for r, err := range records {
		if err != nil {
			return fmt.Errorf("index: rebuild the chunk at %d: %w", span.Start, err)
		}
		if r.PhyOffset >= b.chunk.end && r.PhyOffset < span.End {
			b.add(&r)
		}
	}
	b.chunk.end = span.End
	// Readers wait: what they plan must fit what they find.
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.newSealing(b.chunk)
	err := x.update(func(tx *bbolt.Tx) error {
		if chunkBucket(tx, span.Start) != nil {
			if err := deleteChunks(tx, []int64{span.Start}); err != nil {
				return err
			}
		}
		if err := s.put(tx); err != nil {
			return err
		}
		return x.loadChunks(tx)
	})
	if err != nil {
		return err
	}
	for q := range b.aside {
		q.listed = true
	}
	x.log.Info("a chunk of the index was made anew", "phyOffset", span.Start, "records", s.chunk.records)
	return nil
}

// A chunkBuilder indexes a run of log aside from the queues, which have their
// units in other chunks too.
type chunkBuilder struct {
	x     *Index
	chunk *memChunk
	aside map[*Queue]*Queue // a queue → one of the same name with this chunk alone
}

func (b *chunkBuilder) add(r *Record) {
	b.x.mu.Lock()
	defer b.x.mu.Unlock()
	var q *Queue
	if r.QueueOffset >= 0 && !b.x.isDeleted(r) {
		real := b.x.queue(r.Topic, r.QueueID)
		if q = b.aside[real]; q == nil {
			b.x.giveRef(real)
			q = &Queue{topic: real.topic, id: real.id, ref: real.ref, listed: real.listed, floor: real.floor}
			b.aside[real] = q
		}
		q.accept(r.QueueOffset)
	}
	b.chunk.add(q, r)
}
