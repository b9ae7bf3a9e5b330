package store

import (
	"math"

	"pairmq/store/index"
	"pairmq/store/record"
	"pairmq/store/table"
)

// progressGroup is the group in whose name progress is kept where consumer offsets
// are. It is no name that a client could have, and in no list of groups.
const progressGroup = " progress"

// CommitProgress notes how far a queue was worked off whose records are not for
// consumers: offset is the next one. It is kept as consumer offsets are, in memory on
// return and on flash within some seconds; what is earlier than the present one is
// ignored.
func (s *Store) CommitProgress(topic string, queueID int32, offset int64) {
	s.index.CommitOffset(progressGroup, topic, queueID, offset)
}

// Progress returns what CommitProgress noted. After a start it lies within the queue.
func (s *Store) Progress(topic string, queueID int32) (offset int64, ok bool) {
	return s.index.Offset(progressGroup, topic, queueID)
}

// ResetProgress sets it, backwards too; durable on return.
func (s *Store) ResetProgress(topic string, queueID int32, offset int64) error {
	return s.index.ResetOffsets([]table.Offset{{Group: progressGroup, Topic: topic, QueueID: queueID, Offset: offset}})
}

// AllProgress returns all there is, by topic and queue.
func (s *Store) AllProgress() []index.GroupOffset { return s.index.Offsets(progressGroup) }

// Durable is the end of what is on flash, in bytes.
func (s *Store) Durable() int64 { return s.durable.Load() }

// NewestStoreTimestamp is that of the record that was stored last, in ms since 1970, 0 if
// there was none. The next one has no earlier one.
func (s *Store) NewestStoreTimestamp() int64 { return s.queues.newest() }

// FindUnique returns where records of topic may be that have this UNIQ_KEY and were
// stored at since (ms) or later, newest first and at most limit: others may have a
// key of the same hash, so that the caller reads them.
func (s *Store) FindUnique(topic, key string, since int64, limit int) []int64 {
	return s.index.FindKeys(record.KeyHash(topic, key), since, math.MaxInt64, limit)
}
