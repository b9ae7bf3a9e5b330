package index

import (
	"cmp"
	"errors"
	"slices"
	"sort"

	"go.etcd.io/bbolt"
)

// Seal writes the complete chunks whose log is durable below durable (bytes) to
// the file, one commit each: durable on return, the checkpoint with them, and
// what consumers committed too. Readers are not held up.
func (x *Index) Seal(durable int64) error {
	x.write.Lock()
	defer x.write.Unlock()
	return x.seal(durable)
}

// SealAll is Seal, and writes the newest chunk however small it is, if all of
// its log is below durable. For a stop, a change of role or a long silence:
// small chunks cost more than they hold.
func (x *Index) SealAll(durable int64) error {
	x.write.Lock()
	defer x.write.Unlock()
	x.mu.Lock()
	if x.open != nil && x.open.end <= durable {
		x.closeChunk()
	}
	x.mu.Unlock()
	return x.seal(durable)
}

func (x *Index) seal(durable int64) error {
	for {
		if err := x.Failed(); err != nil {
			return err
		}
		s := x.nextSealing(durable)
		if s == nil {
			return nil
		}
		if err := x.commitSealing(s); err != nil {
			return err
		}
		x.mu.Lock()
		x.finishSealing(s)
		x.mu.Unlock()
	}
}

// A sealing is a chunk on its way from memory to the file.
type sealing struct {
	chunk    *memChunk
	runs     []*memRun // by reference, then queue offset
	unlisted []*Queue  // those not in the file yet
	nextRef  uint32

	directory directory
}

// nextSealing takes the oldest complete chunk, and gives its queues references.
func (x *Index) nextSealing(durable int64) *sealing {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.closed) == 0 || x.closed[0].end > durable {
		return nil
	}
	return x.newSealing(x.closed[0])
}

// newSealing prepares a chunk for the file. The caller holds write and mu.
func (x *Index) newSealing(c *memChunk) *sealing {
	s := &sealing{chunk: c, directory: directory{
		prev: x.checkpoint, end: c.end, oldest: c.oldest, newest: c.newest, records: uint32(c.records),
	}}
	for _, r := range c.runs {
		if r.n == 0 || r.queue.gone {
			continue
		}
		x.giveRef(r.queue)
		s.runs = append(s.runs, r)
	}
	sort.Slice(s.runs, func(i, j int) bool {
		a, b := s.runs[i], s.runs[j]
		return cmp.Or(cmp.Compare(a.queue.ref, b.queue.ref), cmp.Compare(a.first, b.first)) < 0
	})
	for i, r := range s.runs {
		if !r.queue.listed && (i == 0 || s.runs[i-1].queue != r.queue) {
			s.unlisted = append(s.unlisted, r.queue)
		}
	}
	s.nextRef = x.nextRef
	return s
}

// giveRef gives q the number by which chunks know it. The caller holds write
// and mu.
func (x *Index) giveRef(q *Queue) {
	if q.ref == 0 {
		q.ref = x.nextRef
		x.nextRef++
		x.byRef[q.ref] = q
	}
}

func (x *Index) commitSealing(s *sealing) error {
	fold := x.offsets.beginFold()
	return x.update(func(tx *bbolt.Tx) error {
		if err := s.put(tx); err != nil {
			return err
		}
		if err := putNumber(tx, stateCheckpoint, s.chunk.end); err != nil {
			return err
		}
		return fold.put(tx)
	})
}

// put writes the chunk and the names of the queues that are new in it.
func (s *sealing) put(tx *bbolt.Tx) error {
	for _, q := range s.unlisted {
		if err := putQueue(tx, q); err != nil {
			return err
		}
	}
	return errors.Join(s.putChunk(tx), putNumber(tx, stateNextRef, int64(s.nextRef)))
}

// putChunk writes directory, blocks and keys in the order of their keys, so
// that bbolt fills page after page and touches none again.
func (s *sealing) putChunk(tx *bbolt.Tx) error {
	c := s.chunk
	chunks := tx.Bucket([]byte(bucketChunks))
	chunks.FillPercent = 1
	b, err := chunks.CreateBucket(chunkKey(nil, c.start))
	if err != nil {
		return err
	}
	b.FillPercent = 1
	blocks, keys := s.packBlocks(), keyPieces(c.keys, c.start)
	s.directory.pieces = keys.first
	if err := b.Put(chunkValueKey(nil, kindDirectory, 0), s.directory.appendTo(nil, c.start)); err != nil {
		return err
	}
	for i, piece := range blocks {
		if err := b.Put(chunkValueKey(nil, kindBlocks, uint32(i)), piece); err != nil {
			return err
		}
	}
	for i, piece := range keys.values {
		if err := b.Put(chunkValueKey(nil, kindKeys, uint32(i)), piece); err != nil {
			return err
		}
	}
	return nil
}

// packBlocks copies the runs' blocks end to end into pieces of about
// blockPiece bytes, fills in their checksums, and enters them in the directory.
func (s *sealing) packBlocks() (pieces [][]byte) {
	c, d := s.chunk, &s.directory
	var piece []byte
	for _, r := range s.runs {
		if len(piece) > 0 && len(piece)+len(r.block) > blockPiece {
			pieces, piece = append(pieces, piece), nil
		}
		at := len(piece)
		piece = append(piece, r.block...)
		finishBlock(piece[at:], blockID{c.start, r.queue.ref, r.first}, r.n, r.width)
		d.runs = append(d.runs, directoryRun{ref: r.queue.ref, first: r.first, count: uint32(r.n), piece: uint32(len(pieces)), at: uint32(at)})
	}
	if len(piece) > 0 {
		pieces = append(pieces, piece)
	}
	return pieces
}

const blockPiece = 256 << 10 // bytes

// finishSealing moves the chunk's runs from their queues' memory to what is in
// the file.
func (x *Index) finishSealing(s *sealing) {
	c := s.chunk
	ordinal := x.firstSealed + uint32(len(x.sealed))
	x.sealed = append(x.sealed, sealedChunk{
		start: c.start, prev: s.directory.prev, end: c.end, oldest: c.oldest, newest: c.newest, pieces: s.directory.pieces,
	})
	for i, r := range s.runs {
		q, d := r.queue, &s.directory.runs[i]
		if len(q.mem) > 0 && q.mem[0] == r { // else it is hidden
			q.mem = dropFirst(q.mem)
			q.sealed = append(q.sealed, run{first: r.first, chunk: ordinal, count: uint32(r.shown), piece: d.piece, at: d.at})
		}
	}
	for _, q := range s.unlisted {
		q.listed = true
	}
	x.closed = dropFirst(x.closed)
	x.checkpoint = c.end
}

// dropFirst removes the first element and lets go of its memory.
func dropFirst[T any](s []*T) []*T {
	if len(s) == 1 {
		return nil
	}
	return slices.Delete(s, 0, 1)
}
