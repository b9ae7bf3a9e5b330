package timer

import (
	"math"

	"pairmq/store/index"
)

// A Checkpoint is how far a master is, in the terms of RocketMQ's timer wheel.
type Checkpoint struct {
	// Read is a time, ms since 1970: of the records before Next whose TIMER_OUT_MS is before
	// it, all are delivered.
	Read int64
	Next int64 // queue offset
}

// What Read is kept below a due time: TIMER_OUT_MS may be some units earlier, of which
// RocketMQ's broker has seconds, and clocks are compared that coarsely.
const (
	readMargin = 3000 // ms
	clocksMeet = 1000 // ms; by how much the wall clock may differ from that of spans
)

// A progress is what a Checkpoint is made of.
type progress struct {
	next  int64                   // queue offset; before it everything is read
	first int64                   // ms; before it nothing is due that was read
	due   [index.TimerLanes]int64 // ms; the same of each lane, by its clock
	clock clock
}

// tellProgress tells others, after lanes are filled.
func (s *Service) tellProgress() {
	p := &progress{next: s.next, first: math.MaxInt64, clock: s.clock}
	for i := range s.lanes {
		p.due[i] = math.MaxInt64
		if t, ok := s.lanes[i].first(); ok {
			p.due[i] = t.Due
		}
		p.first = min(p.first, p.due[i])
	}
	s.delivered.Store(p)
}

// Checkpoint is for slaves of Apache, which deliver by their own wheel when they become
// master. While the wall clock differs from the clock of spans, since it was set, due times
// say nothing of TIMER_OUT_MS: then such a slave is told to read everything, and delivers
// some messages again rather than none.
func (s *Service) Checkpoint() Checkpoint {
	p := s.delivered.Load()
	if p == nil {
		return Checkpoint{Next: s.st.MinOffset(Topic, 0)}
	}
	now := p.clock.wall()
	if by := now - p.clock.span(); by > clocksMeet || by < -clocksMeet {
		return Checkpoint{Next: s.st.MinOffset(Topic, 0)}
	}
	return Checkpoint{Read: max(min(now, p.first)-readMargin, 0), Next: p.next}
}

// A Status is how it stands with what waits, for people.
type Status struct {
	Late   int64 // ms; for how long what is due first has been due
	Unread int64 // records of Topic that wait to be looked at
	Read   int64 // messages that were looked at, and how many are done, since the start
	Done   int64
}

// Status returns it; before Run has looked at anything, all that there is is unread.
func (s *Service) Status() Status {
	st := Status{Read: s.readCount.Load(), Done: s.doneCount.Load()}
	next := s.st.MinOffset(Topic, 0)
	if p := s.delivered.Load(); p != nil {
		next = p.next
		for i, due := range p.due {
			st.Late = max(st.Late, p.clock.now(i)-due)
		}
	}
	st.Unread = max(0, s.st.MaxOffset(Topic, 0)-next)
	return st
}
