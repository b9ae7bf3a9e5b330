package index

import (
	"fmt"
	"sort"

	"go.etcd.io/bbolt"
)

// DropBefore forgets the records before phyOffset (bytes), which retention is
// about to take: their chunks go, and each queue begins at its first unit
// behind. A queue without any goes on where it was. Durable on return.
func (x *Index) DropBefore(phyOffset int64) error {
	x.write.Lock()
	defer x.write.Unlock()
	if err := x.Failed(); err != nil {
		return err
	}
	x.mu.Lock()
	if phyOffset <= x.floor {
		x.mu.Unlock()
		return nil
	}
	plans := x.planDrops(phyOffset)
	var starts []int64
	for i := 0; i < len(x.sealed) && x.sealed[i].end <= phyOffset; i++ {
		starts = append(starts, x.sealed[i].start)
	}
	x.mu.Unlock()
	// Blocks are read without mu: it may mean waiting for flash.
	err := x.view(func(tx *bbolt.Tx) error {
		for _, p := range plans {
			p.seek(tx, phyOffset, x.markDamaged)
		}
		return nil
	})
	if err != nil {
		return err
	}
	// First in memory: no reader plans to read a chunk that is about to go.
	moved := x.setFloors(plans, phyOffset)
	expired := x.finishDrops(plans, phyOffset, len(starts))
	drop := func(tx *bbolt.Tx) error { return x.dropChunks(tx, phyOffset, starts, moved, expired) }
	if len(moved) > 0 { // no log tells any more where they go on: the backup has to
		return x.changeTables(drop, func(*tables) {})
	}
	return x.update(drop)
}

// A dropPlan says where a queue begins once the log before an offset is gone.
type dropPlan struct {
	queue  *Queue
	runs   []run   // in chunks that begin before that offset
	starts []int64 // of their chunks
	first  int64   // queue offset of the first unit left in runs
	found  bool    // there is one
	behind int64   // behind the last unit that goes; 0 if none does
}

// planDrops lists the queues with units in chunks that begin before phyOffset.
func (x *Index) planDrops(phyOffset int64) (plans []*dropPlan) {
	for _, t := range x.topics {
		for _, q := range t.byID {
			p := &dropPlan{queue: q}
			for _, r := range q.sealed {
				c := x.chunk(r.chunk)
				if c.start >= phyOffset {
					break
				}
				p.runs, p.starts = append(p.runs, r), append(p.starts, c.start)
			}
			if len(p.runs) > 0 || len(q.mem) > 0 && q.mem[0].chunk.start < phyOffset {
				plans = append(plans, p)
			}
		}
	}
	return plans
}

// seek finds the first unit that is left.
func (p *dropPlan) seek(tx *bbolt.Tx, phyOffset int64, damaged func(start int64, err error)) {
	for i, r := range p.runs {
		first, found, err := seekRun(tx, blockID{p.starts[i], p.queue.ref, r.first}, r, phyOffset)
		if err != nil {
			damaged(p.starts[i], err)
			first, found = r.first, true // too early rather than too late
		}
		if found {
			p.first, p.found = first, true
			if first > r.first {
				p.behind = first
			}
			return
		}
		p.behind = r.end()
	}
}

// seekRun returns the queue offset of the first unit of r whose record is at or
// behind phyOffset.
func seekRun(tx *bbolt.Tx, id blockID, r run, phyOffset int64) (first int64, found bool, err error) {
	block, err := getBlock(tx, id, r)
	if err != nil {
		return 0, false, err
	}
	var u [1]Unit
	i := sort.Search(int(r.count), func(i int) bool {
		if err == nil {
			_, err = readBlock(block, id, i, u[:])
		}
		return err == nil && u[0].PhyOffset >= phyOffset
	})
	return r.first + int64(i), i < int(r.count), err
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

// firstInMemory returns the queue offset of the first unit at or behind
// phyOffset.
func firstInMemory(runs []*memRun, phyOffset int64) (int64, bool) {
	for _, r := range runs {
		if n := r.before(phyOffset); n < r.shown {
			return r.first + int64(n), true
		}
	}
	return 0, false
}

// before returns how many of the run's units lie before phyOffset.
func (r *memRun) before(phyOffset int64) int {
	return sort.Search(r.shown, func(i int) bool {
		return decodeUnit(r.block[unitAt(i, r.width):], r.width, r.chunk.start).PhyOffset >= phyOffset
	})
}

// behindInMemory returns the queue offset behind the last unit before
// phyOffset, 0 if there is none.
func behindInMemory(runs []*memRun, phyOffset int64) (behind int64) {
	for _, r := range runs {
		if n := r.before(phyOffset); n > 0 {
			behind = r.first + int64(n)
		}
	}
	return behind
}

// setFloors notes where queues go on should they lose all units, and returns
// those for which that changed.
func (x *Index) setFloors(plans []*dropPlan, phyOffset int64) (moved []*Queue) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range plans {
		q := p.queue
		if !p.found && len(q.sealed) <= len(p.runs) {
			if behind := behindInMemory(q.mem, phyOffset); behind > 0 {
				p.behind = behind
			}
		}
		if p.behind > q.min && !q.gone { // else they had gone before
			x.giveRef(q)
			q.floor = p.behind
			moved = append(moved, q)
		}
	}
	return moved
}

// dropChunks deletes chunks and notes the new start of the log.
func (x *Index) dropChunks(tx *bbolt.Tx, phyOffset int64, starts []int64, moved []*Queue, expired []string) error {
	if err := deleteChunks(tx, starts); err != nil {
		return err
	}
	for _, q := range moved {
		if err := putQueue(tx, q); err != nil {
			return err
		}
		q.listed = true
	}
	for _, topic := range expired {
		if err := tx.Bucket([]byte(bucketDeleted)).Delete([]byte(topic)); err != nil {
			return err
		}
	}
	if err := putNumber(tx, stateNextRef, int64(x.nextRef)); err != nil {
		return err
	}
	return putNumber(tx, stateFloor, phyOffset)
}

func deleteChunks(tx *bbolt.Tx, starts []int64) error {
	chunks := tx.Bucket([]byte(bucketChunks))
	for _, start := range starts {
		if err := chunks.DeleteBucket(chunkKey(nil, start)); err != nil {
			return err
		}
	}
	return nil
}

// finishDrops carries the plans out in memory. It returns the deleted topics of
// which no record is left.
func (x *Index) finishDrops(plans []*dropPlan, phyOffset int64, gone int) (expired []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sealed = append([]sealedChunk(nil), x.sealed[gone:]...)
	x.firstSealed += uint32(gone)
	x.floor = phyOffset
	x.end = max(x.end, phyOffset)
	for topic, below := range x.deleted {
		if below <= phyOffset {
			expired = append(expired, topic)
			delete(x.deleted, topic)
		}
	}
	for _, p := range plans {
		p.finish(x.firstSealed, phyOffset)
	}
	return expired
}

// finish takes the runs before ordinal from the queue, and those in which
// nothing is left, and raises its minimum.
func (p *dropPlan) finish(ordinal uint32, phyOffset int64) {
	q := p.queue
	n := 0
	for n < len(q.sealed) && (q.sealed[n].chunk < ordinal || n < len(p.runs) && !p.found) {
		n++
	}
	q.sealed = append([]run(nil), q.sealed[n:]...)
	switch first, ok := firstInMemory(q.mem, phyOffset); {
	case len(q.sealed) > 0:
		q.min = max(q.min, q.sealed[0].first)
		if p.found {
			q.min = max(q.min, min(p.first, q.max))
		}
	case ok:
		q.min = max(q.min, first)
	default:
		if q.floor < q.max {
			q.cut(q.floor)
		}
		q.min, q.max = q.floor, q.floor
	}
}

// raiseToFloor makes each queue begin behind what retention took, after its
// runs were loaded anew. The caller holds mu, or is Open.
func (x *Index) raiseToFloor(tx *bbolt.Tx) {
	for _, p := range x.planDrops(x.floor) {
		p.seek(tx, x.floor, x.noteDamaged)
		p.finish(x.firstSealed, x.floor)
	}
}
