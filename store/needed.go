package store

import (
	"math"
	"sync/atomic"
	"time"

	"pairmq/store/record"
)

// needed is what somebody still wants to have of the oldest log: records of messages
// that wait. Retention says in time what goes next, so that they can be stored anew.
type needed struct {
	from  atomic.Int64 // bytes; retention keeps the log from there on
	next  atomic.Int64 // bytes; what is before goes soon
	waits atomic.Bool  // retention would take more than it may
	held  atomic.Bool  // and the log wants a segment: only what is stored anew is taken
	wake  chan struct{}
}

func (n *needed) init() {
	n.from.Store(math.MaxInt64)
	n.wake = make(chan struct{}, 1)
}

// Need has retention keep the log from a physical offset on; math.MaxInt64 stands for
// none of it. While some is kept, a segment or two of MaxBytes stay free: they take
// what is stored anew, by PutAnew, where retention waits for that.
func (s *Store) Need(from int64) {
	if s.needed.from.Swap(from) == from || !s.needed.waits.Load() {
		return
	}
	need := 0
	if s.needed.held.Load() {
		need = 1
	}
	s.makeRoom(need)
}

// GoesNext says which of the log retention is about to give back, all before a physical
// offset, and whether it is kept from it now: then it is urgent.
func (s *Store) GoesNext() (before int64, urgent bool) {
	return s.needed.next.Load(), s.needed.waits.Load()
}

// Going has a token whenever something that is needed goes next.
func (s *Store) Going() <-chan struct{} { return s.needed.wake }

// PutAnew is Put of what the log has already, in a part that goes next: it is taken
// where messages are refused so that room can be made.
func (s *Store) PutAnew(ms []record.Message, done func(error)) error { return s.putAt(ms, done, true) }

// leadTime is how long before its age a segment goes next.
func (s *Store) leadTime() time.Duration { return min(s.opts.Reserved/8, time.Hour) }

// spare is how many bytes of MaxBytes are left free for what has to be stored anew.
func (s *Store) spare() int64 {
	if s.opts.MaxBytes == 0 || s.needed.from.Load() == math.MaxInt64 {
		return 0
	}
	return s.spareOf(s.opts.MaxBytes)
}

// spareOf is how many bytes of so many are left free while something is needed.
func (s *Store) spareOf(most int64) int64 {
	if size := s.opts.SegmentSize; most < 16*size {
		return size
	}
	return 2 * s.opts.SegmentSize
}

// keepNeeded returns where the log has to begin if retention would have it begin at
// keep; next is where it would soon, and need how many segments the log waits for.
func (s *Store) keepNeeded(keep, next int64, need int) int64 {
	n := &s.needed
	first := n.from.Load()
	if first < math.MaxInt64 {
		first = max(first-first%s.opts.SegmentSize, s.clog.Start())
	}
	waits := keep > first
	n.next.Store(max(keep, next))
	n.waits.Store(waits)
	if !waits || need > 0 {
		n.held.Store(waits)
	}
	if waits || max(keep, next) > first {
		poke(n.wake)
	}
	return min(keep, first)
}
