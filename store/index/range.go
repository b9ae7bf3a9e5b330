package index

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Bounds returns the queue offset of a queue's first unit and the one behind
// its last. ok is false if there is no such queue.
func (x *Index) Bounds(topic string, queueID int32) (first, end int64, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if q := x.lookup(topic, queueID); q != nil {
		return q.min, q.max, true
	}
	return 0, 0, false
}

// EachQueue calls f with every queue and its bounds, in no order. f must not
// call the index.
func (x *Index) EachQueue(f func(topic string, queueID int32, first, end int64)) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, t := range x.topics {
		for _, q := range t.byID {
			f(q.topic, q.id, q.min, q.max)
		}
	}
}

func (x *Index) lookup(topic string, queueID int32) *Queue {
	if t := x.topics[topic]; t != nil {
		return t.byID[queueID]
	}
	return nil
}

// NextOffset returns the least queue offset at or behind from that has a unit:
// where a reader goes on behind a gap.
func (x *Index) NextOffset(topic string, queueID int32, from int64) (int64, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if q := x.lookup(topic, queueID); q != nil {
		return q.next(from)
	}
	return 0, false
}

// Range reads units of consecutive queue offsets, from offset from on, into dst
// and returns how many. There are none outside Bounds and in a gap: see
// NextOffset. ok is false if there is no such queue, or if what the file has
// there is damaged: see Damaged. It never waits for a commit.
func (x *Index) Range(topic string, queueID int32, from int64, dst []Unit) (n int, ok bool) {
	for n < len(dst) {
		read, sealed, ok := x.rangeInMemory(topic, queueID, from+int64(n), dst[n:])
		if sealed != nil {
			read, ok = x.rangeInFile(sealed, dst[n:])
		}
		n += read
		if !ok || read == 0 {
			return n, ok || n > 0
		}
	}
	return n, true
}

// A sealedRange is what it takes to read a run from the file.
type sealedRange struct {
	id    blockID
	run   run
	skip  int // units before the first that is wanted
	count int // units that count from there on
	queue *Queue
}

// rangeInMemory reads from the tail, or finds where in the file to read.
func (x *Index) rangeInMemory(topic string, queueID int32, from int64, dst []Unit) (n int, file *sealedRange, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	q := x.lookup(topic, queueID)
	if q == nil {
		return 0, nil, false
	}
	switch s, m := q.find(from); {
	case from < q.min || from >= q.max:
		return 0, nil, !x.blind
	case s >= 0:
		r := q.sealed[s]
		skip := int(from - r.first)
		id := blockID{start: x.chunk(r.chunk).start, ref: q.ref, first: r.first}
		return 0, &sealedRange{id: id, run: r, skip: skip, count: int(r.count) - skip, queue: q}, true
	case m >= 0:
		return q.mem[m].read(from, dst), nil, true
	}
	return 0, nil, !x.blind
}

// read copies units from queue offset from on into dst.
func (r *memRun) read(from int64, dst []Unit) int {
	i := int(from - r.first)
	n := min(len(dst), r.shown-i)
	for k := range n {
		dst[k] = decodeUnit(r.block[unitAt(i+k, r.width):], r.width, r.chunk.start)
	}
	return n
}

// rangeInFile reads units of one run.
func (x *Index) rangeInFile(s *sealedRange, dst []Unit) (n int, ok bool) {
	dst = dst[:min(len(dst), s.count)]
	err := x.view(func(tx *bbolt.Tx) error {
		block, err := getBlock(tx, s.id, s.run)
		if err != nil {
			return err
		}
		n, err = readBlock(block, s.id, s.skip, dst)
		return err
	})
	if err == nil {
		return n, true
	}
	if errors.Is(err, ErrDamaged) && x.isDropped(s) {
		return 0, true
	}
	x.markDamaged(s.id.start, err)
	return n, false
}

// getBlock returns bytes that begin with r's block, valid while tx is.
func getBlock(tx *bbolt.Tx, id blockID, r run) ([]byte, error) {
	bucket := chunkBucket(tx, id.start)
	if bucket == nil {
		return nil, fmt.Errorf("%w: no chunk at %d", ErrDamaged, id.start)
	}
	var key [5]byte
	piece := bucket.Get(chunkValueKey(key[:0], kindBlocks, r.piece))
	if int64(r.at) >= int64(len(piece)) {
		return nil, fmt.Errorf("%w: %d bytes of blocks in piece %d of the chunk at %d, one is at %d", ErrDamaged, len(piece), r.piece, id.start, r.at)
	}
	return piece[r.at:], nil
}

// isDropped says whether the chunk was taken away after the read was planned.
func (x *Index) isDropped(s *sealedRange) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.findChunk(s.id.start) < 0 || s.queue.gone
}

// findChunk returns the position in x.sealed of the chunk at start, or -1.
func (x *Index) findChunk(start int64) int {
	i := lastAtOrBelow(len(x.sealed), start, func(i int) int64 { return x.sealed[i].start })
	if i < 0 || x.sealed[i].start != start {
		return -1
	}
	return i
}
