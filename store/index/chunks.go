package index

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// A sealedChunk is a run of log whose units and keys are in the file.
type sealedChunk struct {
	start, end     int64
	oldest, newest int64 // store timestamps, ms
	damaged        bool
	blind          bool     // damaged, and its directory cannot be read
	pieces         []uint32 // first hash of each piece of keys
}

// Values in a chunk's bucket, by kind and number: the directory, pieces of
// blocks, pieces of keys. They are few and large: bbolt, and checkPages before
// it, visits every key at a start.
const (
	kindDirectory = iota
	kindBlocks
	kindKeys
)

func chunkValueKey(dst []byte, kind byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, kind), n)
}

func chunkKey(dst []byte, start int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(start))
}

// chunkBucket returns the bucket of the chunk at start, nil if there is none.
func chunkBucket(tx *bbolt.Tx, start int64) *bbolt.Bucket {
	var key [8]byte
	return tx.Bucket([]byte(bucketChunks)).Bucket(chunkKey(key[:0], start))
}

// loadChunks reads the directories of all chunks and works out what each queue
// has. Units that are still in memory are taken as they are. The caller holds mu,
// or is Open.
func (x *Index) loadChunks(tx *bbolt.Tx) error {
	x.firstSealed += uint32(len(x.sealed)) // ordinals are never used twice
	x.sealed = nil
	for _, t := range x.topics {
		for _, q := range t.byID {
			q.sealed, q.mem = nil, nil
			q.min, q.max = q.floor, q.floor
		}
	}
	c := tx.Bucket([]byte(bucketChunks)).Cursor()
	for key, value := c.First(); key != nil; key, value = c.Next() {
		if len(key) != 8 || value != nil {
			return fmt.Errorf("%w: %x among the chunks", ErrDamaged, key)
		}
		if err := x.loadChunk(tx, int64(binary.BigEndian.Uint64(key))); err != nil {
			return err
		}
	}
	x.endBlindChunks()
	for _, m := range x.unsealed() {
		m.takeBack()
	}
	x.raiseToFloor(tx)
	return nil
}

func (x *Index) loadChunk(tx *bbolt.Tx, start int64) error {
	if n := len(x.sealed); start < 0 || n > 0 && start < x.sealed[n-1].end {
		return fmt.Errorf("%w: chunk at %d within the one before", ErrDamaged, start)
	}
	c := sealedChunk{start: start, end: start}
	ordinal := x.firstSealed + uint32(len(x.sealed))
	d, err := decodeDirectory(chunkBucket(tx, start).Get(chunkValueKey(nil, kindDirectory, 0)), start)
	if err != nil {
		x.log.Error("a chunk of the index is damaged", "phyOffset", start, "err", err)
		c.damaged, c.blind = true, true
		x.sealed = append(x.sealed, c)
		return nil
	}
	c.end, c.oldest, c.newest, c.pieces = d.end, d.oldest, d.newest, d.pieces
	x.sealed = append(x.sealed, c)
	for _, r := range d.runs {
		if q := x.byRef[r.ref]; q != nil { // else of a deleted topic
			q.addSealed(run{first: r.first, chunk: ordinal, count: r.count, piece: r.piece, at: r.at})
		}
	}
	return nil
}

// endBlindChunks gives chunks without a directory the end that their successor
// or the checkpoint implies.
func (x *Index) endBlindChunks() {
	end := x.checkpoint
	for i := len(x.sealed) - 1; i >= 0; i-- {
		if x.sealed[i].blind {
			x.sealed[i].end = max(end, x.sealed[i].start)
		}
		end = x.sealed[i].start
	}
}

// addSealed adds the next run in log order.
func (q *Queue) addSealed(r run) {
	q.accept(r.first)
	q.sealed = append(q.sealed, r)
	q.max = r.end()
}

// unsealed returns the chunks in memory, in log order.
func (x *Index) unsealed() []*memChunk {
	if x.open == nil {
		return x.closed
	}
	return append(x.closed[:len(x.closed):len(x.closed)], x.open)
}

// takeBack adds the chunk's runs to their queues again.
func (c *memChunk) takeBack() {
	for _, r := range c.runs {
		if q := r.queue; !q.gone && r.n > 0 {
			q.accept(r.first)
			r.shown = r.n
			q.mem = append(q.mem, r)
			q.max = r.end()
		}
	}
}

// chunk returns the chunk with the ordinal.
func (x *Index) chunk(ordinal uint32) *sealedChunk { return &x.sealed[ordinal-x.firstSealed] }
