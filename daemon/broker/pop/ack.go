package pop

import "container/heap"

// An Outcome is what became of an acknowledgement.
type Outcome int

// The outcomes.
const (
	Done    Outcome = iota
	Void            // the message is in flight by another handle, or its time is over
	Unknown         // it is not in flight: it was acknowledged, or came again
)

// Ack is for a message that a consumer is done with.
func (s *Service) Ack(group, topic string, queueID int32, offset int64, h Handle) Outcome {
	s.mu.Lock()
	defer s.unlock()
	k := queueKey{group, topic, queueID}
	if h.Revive == OrderedRevive {
		return s.ackOrdered(k, offset, h)
	}
	f, o := s.find(k, offset, h)
	switch o {
	case Done:
		s.remove(f)
		s.done(f.queue)
	case Unknown:
		s.noteLate(group, topic, queueID, offset, h.PopTime)
	}
	return o
}

// Change has a message be invisible for so long from now on, ms, by another handle.
func (s *Service) Change(group, topic string, queueID int32, offset int64, h Handle, invisible int64) (Handle, Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := queueKey{group, topic, queueID}
	if h.Revive == OrderedRevive {
		return s.changeOrdered(k, offset, h, invisible)
	}
	f, o := s.find(k, offset, h)
	if o != Done {
		return h, o
	}
	f.popTime, f.invisible, f.due = max(s.o.Wall(), f.popTime+1), invisible, s.up()+invisible
	heap.Fix(&s.agenda, f.at)
	s.sooner(f.due)
	s.change(f.queue)
	return Handle{PopTime: f.popTime, Invisible: f.invisible, Revive: h.Revive}, Done
}

// find returns the flight that a handle is for. s.mu is held.
func (s *Service) find(k queueKey, offset int64, h Handle) (*flight, Outcome) {
	q := s.queues[k]
	if q == nil {
		return nil, Unknown
	}
	i, ok := q.flights.find(offset)
	if !ok {
		if q.round != nil {
			if _, ok := q.round.find(offset); ok {
				return nil, Void
			}
		}
		return nil, Unknown
	}
	if f := q.flights[i]; f.at >= 0 && f.popTime == h.PopTime && f.invisible == h.Invisible {
		return f, Done
	}
	return nil, Void
}
