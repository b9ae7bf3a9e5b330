package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"pairmq/store/index"
)

// storeTimestampAt is where a record holds its store timestamp, if its born
// host is IPv4 (12 bytes further on if not).
const storeTimestampAt = 56

// phyOffsetAt is where a record holds its own physical offset.
const phyOffsetAt = 28

// stampBytes is how much of a record must be there to read its store timestamp.
const stampBytes = storeTimestampAt + 12 + 8

// MinOffset is the queue offset of the oldest record still there, 0 for an
// unknown queue.
func (s *Store) MinOffset(topic string, queueID int32) int64 {
	first, _, _ := s.index.Bounds(topic, queueID)
	return first
}

// MaxOffset is the queue offset of the next record to become visible, 0 for
// an unknown queue.
func (s *Store) MaxOffset(topic string, queueID int32) int64 {
	_, end, _ := s.index.Bounds(topic, queueID)
	return end
}

// StoreTimestamp returns when the record at queueOffset was stored, in
// milliseconds since 1970, or -1 if there is none.
func (s *Store) StoreTimestamp(topic string, queueID int32, queueOffset int64) (int64, error) {
	first, end, ok := s.index.Bounds(topic, queueID)
	if !ok || queueOffset < first || queueOffset >= end {
		return -1, nil
	}
	var u [1]index.Unit
	if n, ok := s.index.Range(topic, queueID, queueOffset, u[:]); !ok || n == 0 {
		return -1, nil
	}
	return s.stampAt(u[0].PhyOffset)
}

// stampAt reads the store timestamp of the record at phyOffset.
func (s *Store) stampAt(phyOffset int64) (int64, error) {
	var b [stampBytes]byte
	if _, err := s.clog.ReadAt(b[:], phyOffset); err != nil {
		return -1, fmt.Errorf("store: read timestamp at %d: %w", phyOffset, err)
	}
	return stampIn(&b), nil
}

// stampIn is the store timestamp in a record's first bytes.
func stampIn(b *[stampBytes]byte) int64 {
	at := storeTimestampAt
	if sysFlag := binary.BigEndian.Uint32(b[36:]); sysFlag&0x10 != 0 {
		at += 12
	}
	return int64(binary.BigEndian.Uint64(b[at:]))
}

// firstStamp is the store timestamp of the first record of the segment at base that is
// sound, if one is in its first 256 KiB. Otherwise that is newer than everything:
// what is before it does not go by its age.
func (s *Store) firstStamp(base int64) (int64, error) {
	stamp, err := s.stampAt(base)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !s.scrubber.flaws.knows(base) {
		return stamp, err
	}
	at, ok, err := s.nextGood(s.windowOf(context.Background(), base, min(s.durable.Load(), s.visible.Load())), base+1, base+windowPiece)
	if err != nil || !ok {
		return math.MaxInt64, err
	}
	return s.stampAt(at)
}

// OffsetByTime finds the first queue offset whose record was stored at
// timestamp (ms) or later, MaxOffset if all are older; with upper, the last one
// stored at timestamp or earlier, MinOffset if all are newer. This is RocketMQ
// 5's rule; store timestamps never run backwards along a queue. A damaged record
// counts as the next sound one does.
func (s *Store) OffsetByTime(topic string, queueID int32, timestamp int64, upper bool) (int64, error) {
	first, end, ok := s.index.Bounds(topic, queueID)
	if !ok || first >= end {
		return 0, nil
	}
	limit := timestamp
	if upper {
		limit++
	}
	var failed error
	at := searchOffsets(first, end, func(offset int64) bool {
		stamp, err := s.stampFrom(topic, queueID, offset, end)
		failed = cmp.Or(failed, err)
		return stamp >= limit
	})
	if upper && at > first {
		at--
	}
	return at, failed
}

// stampReach is how many records are asked for their store timestamp before all
// that follow are taken for unreadable.
const stampReach = 4096

// stampFrom is when the record at queueOffset was stored or, if it is damaged, the
// first sound one behind it and before end. Where none is near it is newer than
// everything, and what retention has taken meanwhile is older.
func (s *Store) stampFrom(topic string, queueID int32, queueOffset, end int64) (int64, error) {
	var units [64]index.Unit
	for at := queueOffset; at < min(end, queueOffset+stampReach); {
		n, ok := s.index.Range(topic, queueID, at, units[:min(int64(len(units)), end-at)])
		if !ok || n == 0 {
			return math.MinInt64, nil
		}
		for _, u := range units[:n] {
			stamp, err := s.soundStamp(u)
			switch {
			case err == nil:
				return stamp, nil
			case wasGivenBack(err):
				return math.MinInt64, nil
			case errors.Is(err, fs.ErrClosed):
				return math.MaxInt64, err
			}
			s.meet(u)
		}
		at += int64(n)
	}
	return math.MaxInt64, nil
}

// errUnsound: the bytes at a record's place are not that record.
var errUnsound = errors.New("store: no sound record")

// soundStamp reads the store timestamp of the record of u. It fails if the medium
// does not give it, or if what it gives cannot be that record, or is known to be damaged.
func (s *Store) soundStamp(u index.Unit) (int64, error) {
	if s.scrubber.flaws.knows(u.PhyOffset) {
		return 0, errUnsound
	}
	var b [stampBytes]byte
	if _, err := s.clog.ReadAt(b[:], u.PhyOffset); err != nil {
		return 0, err
	}
	if int64(binary.BigEndian.Uint64(b[phyOffsetAt:])) != u.PhyOffset || int64(binary.BigEndian.Uint32(b[:])) != int64(u.Size) {
		return 0, errUnsound
	}
	return stampIn(&b), nil
}

// EarliestStoreTimestamp returns when the oldest record was stored, in
// milliseconds since 1970, or -1 if there is none.
func (s *Store) EarliestStoreTimestamp() int64 {
	if s.clog.Start() >= s.visible.Load() {
		return -1
	}
	stamp, err := s.stampAt(s.clog.Start())
	if err != nil {
		return -1
	}
	return stamp
}
