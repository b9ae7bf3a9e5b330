package index

import (
	"encoding/binary"

	"go.etcd.io/bbolt"
)

// Truncate forgets the records at and behind phyOffset (bytes), where the log
// was cut. Records between the new Checkpoint and phyOffset have to be applied
// again. Consumer offsets stay: see ClampOffsets. Durable on return.
func (x *Index) Truncate(phyOffset int64) error {
	x.write.Lock()
	defer x.write.Unlock()
	if err := x.Failed(); err != nil {
		return err
	}
	if err := x.cutTimers(phyOffset); err != nil {
		return err
	}
	x.mu.RLock()
	starts, checkpoint := x.cutAt(phyOffset)
	marks, floor, end := x.deletedBelow > phyOffset, x.floor > phyOffset, x.end > phyOffset
	x.mu.RUnlock()
	// First in memory: no reader plans to read a chunk that is about to go.
	forget := func(tx *bbolt.Tx) error { return x.cutMemory(tx, phyOffset, checkpoint) }
	commit := func(tx *bbolt.Tx) error {
		if err := x.putCut(tx, phyOffset, checkpoint, starts); err != nil {
			return err
		}
		return forget(tx)
	}
	switch {
	case marks: // the backup has them too
		return x.changeTables(commit, func(*tables) { x.lowerMarks(phyOffset) })
	case floor || len(starts) > 0:
		return x.update(commit)
	case end:
		return x.fail(x.view(forget))
	}
	return nil
}

// cutTimers forgets all timers if one may be of a record that is cut off, or was done by
// one. The caller holds write.
func (x *Index) cutTimers(phyOffset int64) error {
	s, err := x.TimerState()
	if err == nil && s.End <= phyOffset {
		return nil
	}
	x.log.Warn("timers are read from the log again", "phyOffset", phyOffset, "end", s.End, "err", err)
	return x.update(forgetTimers)
}

// lowerMarks keeps what is appended from phyOffset on from counting as deleted.
func (x *Index) lowerMarks(phyOffset int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for topic, below := range x.deleted {
		x.deleted[topic] = min(below, phyOffset)
	}
	x.deletedBelow = min(x.deletedBelow, phyOffset)
}

// cutAt returns the starts of the chunks that reach beyond phyOffset, and where
// the file's index ends without them.
func (x *Index) cutAt(phyOffset int64) (starts []int64, checkpoint int64) {
	checkpoint = x.checkpoint
	for i := len(x.sealed) - 1; i >= 0 && x.sealed[i].end > phyOffset; i-- {
		starts = append(starts, x.sealed[i].start)
		checkpoint = x.sealed[i].prev
	}
	return starts, min(checkpoint, phyOffset)
}

func (x *Index) putCut(tx *bbolt.Tx, phyOffset, checkpoint int64, starts []int64) error {
	if err := deleteChunks(tx, starts); err != nil {
		return err
	}
	for topic, below := range x.deleted {
		if below > phyOffset {
			if err := put(tx, bucketDeleted, []byte(topic), binary.BigEndian.AppendUint64(nil, uint64(phyOffset))); err != nil {
				return err
			}
		}
	}
	if x.floor > phyOffset {
		if err := putNumber(tx, stateFloor, phyOffset); err != nil {
			return err
		}
	}
	return putNumber(tx, stateCheckpoint, checkpoint)
}

// cutMemory drops what is in memory of records beyond phyOffset: whole chunks,
// for their first part is applied again. tx has the chunks that are left.
func (x *Index) cutMemory(tx *bbolt.Tx, phyOffset, checkpoint int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := len(x.closed)
	for n > 0 && x.closed[n-1].end > phyOffset {
		n--
	}
	if n < len(x.closed) || x.open != nil && x.open.end > phyOffset {
		x.open = nil
	}
	clear(x.closed[n:])
	x.closed = x.closed[:n]
	x.checkpoint, x.floor = checkpoint, min(x.floor, phyOffset)
	x.end = max(x.checkpoint, x.floor)
	for _, c := range x.unsealed() {
		x.end = c.end
	}
	return x.loadChunks(tx)
}
