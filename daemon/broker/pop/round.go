package pop

import (
	"cmp"
	"container/heap"
	"slices"
)

// MaxAttempt bounds the name of an attempt, in bytes.
const MaxAttempt = 128

// A round is what the last ordered pop has taken of a queue, and what is not done with of
// it. As long as one of these messages is invisible nobody pops the queue, except by the
// same attempt: whoever has had no answer asks once more. Nothing of a round is stored once
// more: when its time is over the queue is popped again, from its first message on.
//
// A round is kept after its time, for how often its messages came, as long as there is room.
type round struct {
	attempt string // "" for none, which is the same as no other
	popTime int64  // ms since 1970; what its handles say
	to      int64  // where the queue goes on behind it
	took    []took // by offset; never empty, and the first one is not acknowledged
	alarm   *flight
	idle    bool // visible again, and not popped since
}

// A took is a message of a round.
type took struct {
	offset int64 // in the queue
	count  int32 // rounds that it was in before
	acked  bool
	due    int64 // ms, by the clock of how long the service is up
}

// forgetTime is for how long a round that nobody has popped again is kept, ms: it counts
// as so many flights.
const forgetTime = int64(24 * 60 * 60 * 1000)

// find returns where a message is.
func (o *round) find(offset int64) (int, bool) {
	return slices.BinarySearchFunc(o.took, offset, func(m took, offset int64) int { return cmp.Compare(m.offset, offset) })
}

// same says whether a request is an attempt of the pop that has made the round.
func (o *round) same(r *Request) bool { return r.Ordered && r.Attempt != "" && r.Attempt == o.attempt }

// free is when all is visible again, by the clock of how long the service is up.
func (o *round) free() (at int64) {
	for _, m := range o.took {
		if !m.acked {
			at = max(at, m.due)
		}
	}
	return at
}

// barred says whether a request may take nothing of q now. A queue is popped in order or
// without, and one waits until nothing is in flight by the other: what is popped without
// order comes again in the retry topic, behind messages that are later. An ordered pop that
// finds such flights is told when they are gone. s.mu is held.
func (s *Service) barred(q *queue, r *Request) bool {
	switch {
	case r.Ordered && len(q.flights) > 0:
		q.awaited = true
		return true
	case len(q.flights) >= s.o.QueueFlights:
		return true
	case q.round == nil || q.round.same(r):
		return false
	}
	return s.up() < q.round.free()
}

// takeRound puts messages in flight together, of which the first is where q was read, or
// behind what a filter wants none of. next is where the queue goes on. It returns what
// their handles say, and how often each came before. s.mu is held.
func (s *Service) takeRound(q *queue, r *Request, offsets []int64, next int64) (popTime int64, counts []int32) {
	o := &round{attempt: r.Attempt, popTime: s.o.Wall(), to: next, alarm: &flight{queue: q, at: -1}}
	had := q.round
	if had != nil { // whose handles are void now
		o.popTime = max(o.popTime, had.popTime+1)
	}
	for _, offset := range offsets {
		m := took{offset: offset, due: s.up() + r.Invisible}
		if had != nil {
			if i, ok := had.find(offset); ok {
				m.count = had.took[i].count
				if !had.same(r) {
					m.count++
				}
			}
		}
		o.took, counts = append(o.took, m), append(counts, m.count)
	}
	s.dropRound(q)
	q.round, q.next = o, offsets[0]
	s.count += len(o.took)
	s.ring(q)
	return o.popTime, counts
}

// pass has q go on at next, or behind it where its round has what is acknowledged. Nobody
// waits for the rest of a round that has none. s.mu is held.
func (s *Service) pass(q *queue, next int64) {
	q.next = next
	o := q.round
	if o == nil {
		return
	}
	s.idles(o, false)
	done := 0
	for done < len(o.took) && (o.took[done].acked || o.took[done].offset < next) {
		done++
	}
	if done == len(o.took) {
		s.dropRound(q)
		if next <= o.took[done-1].offset { // else somebody has gone on there, who may want what no filter let through
			q.next = o.to
		}
		s.opened = append(s.opened, q.queueKey)
		return
	}
	o.took = o.took[done:]
	s.count -= done
	q.next = o.took[0].offset
	s.ring(q)
}

// dropRound forgets what there is of a round. s.mu is held.
func (s *Service) dropRound(q *queue) {
	if q.round != nil {
		s.idles(q.round, false)
		s.agenda.drop(q.round.alarm)
		s.count -= len(q.round.took)
		q.round = nil
	}
}

// idles notes whether a round is kept for its counts alone. s.mu is held.
func (s *Service) idles(o *round, idle bool) {
	switch {
	case o.idle == idle:
	case idle:
		s.idle += len(o.took)
	default:
		s.idle -= len(o.took)
	}
	o.idle = idle
}

// forgetIdle makes room for what is popped of q: it forgets the rounds of other queues that
// are kept for their counts alone. s.mu is held.
func (s *Service) forgetIdle(q *queue) {
	for _, other := range s.queues {
		if other != q && other.round != nil && other.round.idle {
			s.dropRound(other)
			s.change(other)
		}
	}
}

// ring has Run look at q when its round is visible again. s.mu is held.
func (s *Service) ring(q *queue) {
	alarm := q.round.alarm
	s.idles(q.round, false)
	s.agenda.drop(alarm)
	alarm.due = q.round.free()
	heap.Push(&s.agenda, alarm)
	s.sooner(alarm.due)
}

// rang is for a round that is visible again, and for one that nobody has popped again for
// long. s.mu is held.
func (s *Service) rang(q *queue) {
	alarm, free := q.round.alarm, q.round.free()
	if alarm.due > free {
		s.dropRound(q)
		s.change(q)
		return
	}
	s.opened = append(s.opened, q.queueKey)
	s.idles(q.round, true)
	alarm.due = free + forgetTime
	heap.Push(&s.agenda, alarm)
}

// ackOrdered is Ack by a handle of an ordered pop. One that comes too late counts as long
// as nobody has popped the queue again. s.mu is held.
func (s *Service) ackOrdered(k queueKey, offset int64, h Handle) Outcome {
	q, m, o := s.findOrdered(k, offset, h)
	if o == Done {
		m.acked = true
		s.pass(q, q.next)
		s.done(q)
	}
	return o
}

// changeOrdered is Change by such a handle. All messages of a round have the same pop
// time, and keep it. s.mu is held.
func (s *Service) changeOrdered(k queueKey, offset int64, h Handle, invisible int64) (Handle, Outcome) {
	q, m, o := s.findOrdered(k, offset, h)
	if o != Done {
		return h, o
	}
	m.due = s.up() + invisible
	s.ring(q)
	s.change(q)
	h.Invisible = max(s.o.Wall()+invisible-h.PopTime, 0)
	return h, Done
}

// findOrdered returns the message of a round that a handle is for. s.mu is held.
func (s *Service) findOrdered(k queueKey, offset int64, h Handle) (*queue, *took, Outcome) {
	q := s.queues[k]
	if q == nil || offset < q.next && q.round != nil {
		return nil, nil, Unknown
	}
	if q.round == nil {
		if _, ok := q.flights.find(offset); ok {
			return nil, nil, Void
		}
		return nil, nil, Unknown
	}
	i, ok := q.round.find(offset)
	switch {
	case !ok || h.PopTime != q.round.popTime:
		return nil, nil, Void
	case q.round.took[i].acked:
		return nil, nil, Unknown
	}
	return q, &q.round.took[i], Done
}
