package folder

import (
	"fmt"

	"pairmq/store/index"
	"pairmq/store/record"
)

// keys compares the keys of a log with those of its index, a chunk at a time.
type keys struct {
	chunk  index.ChunkKeys
	known  bool  // chunk has them; else it is one whose keys are not there to compare
	until  int64 // log offset (bytes): the next chunk is looked up there
	hashes []uint32
	told   int
}

// keysOf holds a record's keys against what the index has of them.
func (v *verifier) keysOf(r *record.View) {
	k, off := &v.keys, r.PhyOffset()
	if v.opts.Index == nil || off >= v.checkpoint {
		return
	}
	if off >= k.until {
		v.endOfChunk(off)
		if k.chunk, k.known = v.opts.Index.ChunkKeys(off); k.known {
			k.until = k.chunk.End
		} else {
			k.until = max(k.chunk.End, off+int64(r.Size()))
		}
	}
	if !k.known {
		return
	}
	_, k.hashes = r.Hashes(k.hashes[:0])
	for _, hash := range k.hashes {
		if !k.chunk.Has(hash, off) && off >= v.opts.Index.Deleted()[string(r.Topic())] {
			f := Finding{Length: int64(r.Size()), Topic: string(r.Topic()), QueueID: r.QueueID(),
				Reason: fmt.Sprintf("the index does not find the message by its key of hash %08x", hash)}
			v.tellKey(f, off)
		}
	}
}

// endOfChunk tells of what the index has too much, where the walk has come to off. What
// is damaged in the log has keys that it rightly knows.
func (v *verifier) endOfChunk(off int64) {
	k := &v.keys
	if !k.known {
		return
	}
	k.known = false
	if v.damagedTo > k.chunk.Start {
		return
	}
	k.chunk.Unasked(v.sum.Start, min(off, k.chunk.End), func(hash uint32, at int64) {
		v.tellKey(Finding{Reason: fmt.Sprintf("the index has a key of hash %08x here, and there is no record with it", hash)}, at)
	})
	k.chunk = index.ChunkKeys{}
}

// tellKey reports a key, unless there was enough of them.
func (v *verifier) tellKey(f Finding, off int64) {
	if v.keys.told++; v.keys.told > maxTold {
		v.sum.Untold++
		return
	}
	f.Kind, f.PhyOffset = IndexDiffers, off
	if size := v.opts.Log.size; size > 0 {
		f.File = segmentPath(off - off%size)
	}
	v.found(f)
}
