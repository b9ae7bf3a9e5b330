package index

import (
	"encoding/binary"
	"slices"
	"sort"

	"go.etcd.io/bbolt"
)

// ChunkKeys is what the file has of the keys of one run of log, and which of that was
// asked for. It is for one goroutine.
type ChunkKeys struct {
	Start, End int64 // of the log (bytes), from the end of the chunk before on
	base       int64 // where the chunk itself begins
	pairs      []uint64
	asked      []bool // by pair
}

// ChunkKeys reads the keys of the chunk that indexes the record at phyOffset: some MiB
// at most. ok is false if the file has none of it, or if it is damaged: see Damaged.
func (x *Index) ChunkKeys(phyOffset int64) (keys ChunkKeys, ok bool) {
	x.mu.RLock()
	i := sort.Search(len(x.sealed), func(i int) bool { return x.sealed[i].end > phyOffset })
	if i == len(x.sealed) || x.sealed[i].prev > phyOffset || x.sealed[i].blind {
		x.mu.RUnlock()
		return keys, false
	}
	c := x.sealed[i]
	x.mu.RUnlock()
	keys = ChunkKeys{Start: c.prev, End: c.end, base: c.start}
	err := x.view(func(tx *bbolt.Tx) (err error) {
		keys.pairs, err = c.allPairs(tx)
		return err
	})
	if err != nil {
		x.markDamaged(c.start, err)
		return keys, false
	}
	if keys.pairs == nil { // retention took it meanwhile
		return keys, false
	}
	keys.asked = make([]bool, len(keys.pairs))
	return keys, true
}

// allPairs returns all keys of the chunk, in the order of their hashes; nil if the chunk
// is gone.
func (c *sealedChunk) allPairs(tx *bbolt.Tx) ([]uint64, error) {
	bucket := chunkBucket(tx, c.start)
	if bucket == nil {
		return nil, nil
	}
	all := make([]uint64, 0, len(c.pieces)*piecePairs)
	for n := range c.pieces {
		pairs, err := checkKeyPiece(bucket.Get(chunkValueKey(nil, kindKeys, uint32(n))), c.start, n)
		if err != nil {
			return nil, err
		}
		for ; len(pairs) > 0; pairs = pairs[pairSize:] {
			all = append(all, binary.BigEndian.Uint64(pairs))
		}
	}
	return all, nil
}

// Has says whether the record at phyOffset is found by this hash, and notes that it was
// asked for.
func (k *ChunkKeys) Has(hash uint32, phyOffset int64) bool {
	if phyOffset < k.base {
		return false
	}
	pair := uint64(hash)<<32 | uint64(phyOffset-k.base)
	i, ok := slices.BinarySearch(k.pairs, pair)
	for ; i < len(k.pairs) && k.pairs[i] == pair; i++ { // a record may name a key twice
		k.asked[i] = true
	}
	return ok
}

// Unasked calls f for each key of a record from one log offset up to another that was
// not asked for.
func (k *ChunkKeys) Unasked(from, to int64, f func(hash uint32, phyOffset int64)) {
	for i, pair := range k.pairs {
		if at := k.base + int64(uint32(pair)); !k.asked[i] && at >= from && at < to {
			f(uint32(pair>>32), at)
		}
	}
}
