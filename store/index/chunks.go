package index

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// A sealedChunk is a run of log whose units and keys are in the file.
type sealedChunk struct {
	start, end     int64
	prev           int64 // end of the chunk before
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
	x.sealed, x.blind = nil, false
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
	if err := x.checkChain(); err != nil {
		return err
	}
	for _, m := range x.unsealed() {
		m.takeBack()
	}
	x.raiseToFloor(tx)
	return nil
}

func (x *Index) loadChunk(tx *bbolt.Tx, start int64) error {
	c := sealedChunk{start: start, prev: start, end: start}
	ordinal := x.firstSealed + uint32(len(x.sealed))
	d, err := decodeDirectory(chunkBucket(tx, start).Get(chunkValueKey(nil, kindDirectory, 0)), start)
	if err != nil {
		x.log.Error("a chunk of the index is damaged", "phyOffset", start, "err", err)
		c.damaged, c.blind, x.blind = true, true, true
		x.sealed = append(x.sealed, c)
		return nil
	}
	c.prev, c.end, c.oldest, c.newest, c.pieces = d.prev, d.end, d.oldest, d.newest, d.pieces
	x.sealed = append(x.sealed, c)
	for _, r := range d.runs {
		if q := x.byRef[r.ref]; q != nil { // else of a deleted topic
			q.addSealed(run{first: r.first, chunk: ordinal, count: r.count, piece: r.piece, at: r.at})
		}
	}
	return nil
}

// checkChain fails with ErrDamaged unless the chunks follow each other up to the
// checkpoint, as they do not when a write was lost. Chunks without a directory
// get the end that their successor or the checkpoint implies.
func (x *Index) checkChain() error {
	end := x.checkpoint
	for i := len(x.sealed) - 1; i >= 0; i-- {
		c := &x.sealed[i]
		if c.blind {
			c.end = end
		}
		if c.end != end || c.start < c.prev || c.start > c.end {
			return fmt.Errorf("%w: chunk [%d, %d) where one ends at %d", ErrDamaged, c.start, c.end, end)
		}
		end = c.prev
	}
	if end > x.floor && !(len(x.sealed) > 0 && x.sealed[0].blind) {
		return fmt.Errorf("%w: no chunk ends at %d, and the log begins at %d", ErrDamaged, end, x.floor)
	}
	return nil
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
