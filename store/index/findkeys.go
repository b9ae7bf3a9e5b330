package index

import (
	"slices"

	"go.etcd.io/bbolt"
)

// FindKeys returns where records with a key of this hash are, newest first, at
// most limit. It looks at runs of log that have records stored between begin and
// end (ms, both included), so that records from outside may be among them, as
// may records with another key of the same hash: the caller reads them. What a
// damaged chunk has is missing.
func (x *Index) FindKeys(hash uint32, begin, end int64, limit int) []int64 {
	found, chunks, floor := x.findInMemory(hash, begin, end)
	for i := len(chunks) - 1; i >= 0 && len(found) < limit; i-- {
		c := chunks[i]
		var here []int64
		err := x.view(func(tx *bbolt.Tx) (err error) {
			here, err = c.find(tx, hash, floor)
			return err
		})
		if err != nil {
			x.markDamaged(c.start, err)
			continue
		}
		slices.Reverse(here)
		found = append(found, here...)
	}
	return found[:min(len(found), max(limit, 0))]
}

// findInMemory looks through the newest keys. It returns the chunks in the
// file that have to be looked at too.
func (x *Index) findInMemory(hash uint32, begin, end int64) (found []int64, chunks []sealedChunk, floor int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, c := range slices.Backward(x.unsealed()) {
		if c.newest < begin || c.oldest > end {
			continue
		}
		for _, pair := range slices.Backward(c.keys) {
			if at := c.start + int64(uint32(pair)); uint32(pair>>32) == hash && at >= x.floor {
				found = append(found, at)
			}
		}
	}
	for _, c := range x.sealed {
		if !c.blind && c.newest >= begin && c.oldest <= end {
			chunks = append(chunks, c)
		}
	}
	return found, chunks, x.floor
}

// find returns the log offsets that the chunk has for hash, ascending.
func (c *sealedChunk) find(tx *bbolt.Tx, hash uint32, floor int64) ([]int64, error) {
	bucket := chunkBucket(tx, c.start)
	if bucket == nil {
		return nil, nil // retention took it meanwhile
	}
	// A hash may begin in the piece before the first that starts with it.
	first, _ := slices.BinarySearch(c.pieces, hash)
	var found []int64
	for n := max(0, first-1); n < len(c.pieces) && c.pieces[n] <= hash; n++ {
		pairs, err := checkKeyPiece(bucket.Get(chunkValueKey(nil, kindKeys, uint32(n))), c.start, n)
		if err != nil {
			return nil, err
		}
		found = appendPairs(found, pairs, hash, c.start)
	}
	below, _ := slices.BinarySearch(found, floor)
	return found[below:], nil
}
