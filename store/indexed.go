package store

import "pairmq/store/index"

// Indexed is what the index of an open store says, for one who holds it against the
// log. Its methods may be called from any goroutine.
type Indexed struct{ s *Store }

// Indexed returns it.
func (s *Store) Indexed() Indexed { return Indexed{s} }

// ChecksumsSince is the offset from which on every record has a checksum of all of
// itself.
func (s *Store) ChecksumsSince() int64 { return s.crcSince }

// Checkpoint is the end of the log that is indexed.
func (x Indexed) Checkpoint() int64 { return x.s.visible.Load() }

// Bounds is index.Index's.
func (x Indexed) Bounds(topic string, queueID int32) (first, end int64, ok bool) {
	return x.s.index.Bounds(topic, queueID)
}

// Range is index.Index's.
func (x Indexed) Range(topic string, queueID int32, from int64, dst []index.Unit) (n int, ok bool) {
	return x.s.index.Range(topic, queueID, from, dst)
}

// Deleted is index.Index's.
func (x Indexed) Deleted() map[string]int64 { return x.s.index.Deleted() }

// ChunkKeys is index.Index's.
func (x Indexed) ChunkKeys(phyOffset int64) (keys index.ChunkKeys, ok bool) {
	return x.s.index.ChunkKeys(phyOffset)
}
