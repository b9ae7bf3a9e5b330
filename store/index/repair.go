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

// Doubt has Damaged return the chunk that indexes the record at phyOffset: what it
// knows of the record is not what the log has. Without such a chunk in the file,
// nothing happens.
func (x *Index) Doubt(phyOffset int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.sealed {
		if c.start <= phyOffset && phyOffset < c.end {
			x.noteDamaged(c.start, fmt.Errorf("index: the record at %d is another one", phyOffset))
		}
	}
}

// Rebuild makes the chunk of span, which Damaged returned, anew from the
// records that its log has, in log order; others are ignored. An error among
// them ends it and is returned, the chunk is as it was then. If there is no such
// chunk any more, nothing happens. Durable on return.
func (x *Index) Rebuild(span Span, records iter.Seq2[Record, error]) error {
	x.write.Lock()
	defer x.write.Unlock()
	if !x.isChunk(span) {
		return nil
	}
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
	s.directory.prev = x.prevEnd(span.Start)
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

// isChunk says whether span is that of a chunk.
func (x *Index) isChunk(span Span) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i := x.findChunk(span.Start)
	return i >= 0 && x.sealed[i].end == span.End
}

// prevEnd returns where the chunk before the one at start ends.
func (x *Index) prevEnd(start int64) int64 {
	switch i := x.findChunk(start); {
	case !x.sealed[i].blind:
		return x.sealed[i].prev
	case i > 0:
		return x.sealed[i-1].end
	default:
		return min(start, x.floor)
	}
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
	if r.queued() && !b.x.isDeleted(r) {
		own := b.x.queue(r.Topic, r.QueueID)
		if q = b.aside[own]; q == nil {
			b.x.giveRef(own)
			q = &Queue{topic: own.topic, id: own.id, ref: own.ref, listed: own.listed, floor: own.floor}
			b.aside[own] = q
		}
		q.accept(r.QueueOffset)
	}
	b.chunk.add(q, r)
}
