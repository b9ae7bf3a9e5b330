package index

import (
	"slices"

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
	x.blind = slices.ContainsFunc(x.sealed, func(c sealedChunk) bool { return c.blind })
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

// raiseToFloor makes each queue begin behind what retention took, after its
// runs were loaded anew. The caller holds mu, or is Open.
func (x *Index) raiseToFloor(tx *bbolt.Tx) {
	for _, p := range x.planDrops(x.floor) {
		p.seek(tx, x.floor, x.noteDamaged)
		p.finish(x.firstSealed, x.floor)
	}
}
