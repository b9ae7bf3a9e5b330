package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"pairmq/store/record"
)

// ErrNotLog: bytes that are to be appended as they are do not go on with the
// log: another log, another segment size, or damage on the way.
var ErrNotLog = errors.New("store: the bytes do not continue this log")

// A walk finds the records in a log that comes in pieces. A copy of one that was
// made before a take can be used in its place after it.
type walk struct {
	s       *Store
	head    int64          // where the record or filler begins that is not complete
	skip    int64          // bytes of that filler still to come
	part    []byte         // bytes of that record; never changed, only appended to
	entries []pendingEntry // the records that the last take completed; valid until the next
	judges  bool           // it notes no entries: nobody stores what it finds
}

// take goes over b, which continues what was taken before. It keeps nothing of b
// but a copy of the part of a record at its end. It fails with ErrNotLog at the
// first thing that is neither a sound record of this place nor a filler up to the
// segment's end; then the walk is of no more use.
func (w *walk) take(b []byte) error {
	w.entries = shrink(w.entries)
	for b = w.pass(b); len(b) > 0; b = w.pass(b) {
		if len(w.part) == 0 {
			n, err := w.one(b)
			if err != nil {
				return err
			}
			if n == 0 {
				w.part = append(make([]byte, 0, min(wanted(b), 64<<10)), b...)
				return nil
			}
			b = b[n:]
			continue
		}
		want := wanted(w.part)
		more := min(want-len(w.part), len(b))
		w.part = append(w.part, b[:more]...) // behind what a copy of w sees
		b = b[more:]
		if len(w.part) < want {
			return nil
		}
		n, err := w.one(w.part)
		if err != nil {
			return err
		}
		if n > 0 { // all of it: wanted said no more
			w.part = nil
		}
	}
	return nil
}

// pass skips what b has of a filler.
func (w *walk) pass(b []byte) []byte {
	if w.skip == 0 {
		return b
	}
	n := min(w.skip, int64(len(b)))
	if w.skip -= n; w.skip == 0 {
		w.head = w.s.segmentEnd(w.head)
	}
	return b[n:]
}

// wanted is how many bytes the part of a record must have before one can say more
// of it: its head, and then its size, which one has believed already.
func wanted(part []byte) int {
	if len(part) < record.BlankSize {
		return record.BlankSize
	}
	return int(binary.BigEndian.Uint32(part))
}

// one takes the record or filler at the front of b, which lies at head; 0 bytes
// if it is not complete.
func (w *walk) one(b []byte) (int, error) {
	s := w.s
	rest := s.segmentEnd(w.head) - w.head
	v, err := record.Parse(b, s.limits)
	switch {
	case errors.Is(err, record.ErrBlank):
		if n := int64(binary.BigEndian.Uint32(b)); n != rest || n < record.BlankSize {
			return 0, fmt.Errorf("%w: a filler of %d bytes at %d, %d bytes before the end of a segment of %d; mappedFileSizeCommitLog must be the same on master and slave", ErrNotLog, n, w.head, rest, s.opts.SegmentSize)
		}
		w.skip = max(0, rest-int64(len(b)))
		if w.skip > 0 {
			return len(b), nil
		}
		w.head += rest
		return int(rest), nil
	case errors.Is(err, record.ErrShort):
		if len(b) >= 4 && int64(binary.BigEndian.Uint32(b)) > rest {
			return 0, w.tooLong(b, rest)
		}
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("%w: at %d: %w", ErrNotLog, w.head, err)
	case v.PhyOffset() != w.head:
		return 0, fmt.Errorf("%w: the record at %d says it lies at %d", ErrNotLog, w.head, v.PhyOffset())
	case int64(v.Size()) > rest:
		return 0, w.tooLong(b, rest)
	}
	if err := v.CheckCRC(); err != nil {
		return 0, fmt.Errorf("%w: at %d: %w", ErrNotLog, w.head, err)
	}
	if !w.judges {
		w.entries = append(w.entries, s.entryOf(&v))
	}
	w.head += int64(v.Size())
	return v.Size(), nil
}

func (w *walk) tooLong(b []byte, rest int64) error {
	return fmt.Errorf("%w: a record of %d bytes at %d, %d bytes before the end of a segment of %d; mappedFileSizeCommitLog must be the same on master and slave", ErrNotLog, binary.BigEndian.Uint32(b), w.head, rest, w.s.opts.SegmentSize)
}

// segmentEnd is the end of the segment that holds the byte at off.
func (s *Store) segmentEnd(off int64) int64 {
	return off - off%s.opts.SegmentSize + s.opts.SegmentSize
}

// entryOf is what is noted of a record until it is confirmed.
func (s *Store) entryOf(v *record.View) pendingEntry {
	t := &s.queues
	t.mu.Lock()
	defer t.mu.Unlock()
	e := pendingEntry{phy: v.PhyOffset(), size: int32(v.Size()), offset: v.QueueOffset(), stamp: v.StoreTimestamp(), queued: queued(v.SysFlag())}
	e.tags, e.keys = v.Hashes(nil)
	e.queue = t.get(s.index, string(v.Topic()), v.QueueID())
	if e.queued {
		if e.offset > e.queue.next && e.queue.next != 0 { // less is seen when a piece comes a second time
			s.log.Warn("queue offsets are not consecutive", "topic", e.queue.topic, "queueId", e.queue.id, "phyOffset", e.phy, "queueOffset", e.offset, "want", e.queue.next)
		}
		e.queue.next = e.offset + 1
	}
	t.last = max(t.last, e.stamp)
	t.end = e.end()
	return e
}
