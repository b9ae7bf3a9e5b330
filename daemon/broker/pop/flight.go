package pop

import (
	"cmp"
	"container/heap"
	"slices"
)

// A flight is a message that was popped and is not done with. Times are in ms.
type flight struct {
	queue     *queue
	offset    int64 // in the queue
	popTime   int64 // since 1970; with invisible, what its handle says
	invisible int64
	due       int64 // by the clock of how long the service is up
	at        int   // in the agenda; -1 while it is stored once more
	end       int64 // of the log when it was stored once more; 0 while it was not
	gone      bool  // it is done with, whoever still has it
}

// flights are those of a queue, by offset.
type flights []*flight

// find returns where the flight of an offset is or would be.
func (fs flights) find(offset int64) (int, bool) {
	return slices.BinarySearchFunc(fs, offset, func(f *flight, offset int64) int { return cmp.Compare(f.offset, offset) })
}

// take puts a message in flight for so long (ms). s.mu is held.
func (s *Service) take(q *queue, offset, popTime, invisible, left int64) {
	f := &flight{queue: q, offset: offset, popTime: popTime, invisible: invisible, due: s.up() + left}
	i, _ := q.flights.find(offset)
	q.flights = slices.Insert(q.flights, i, f)
	s.count++
	heap.Push(&s.agenda, f)
	s.sooner(f.due)
}

// remove is for a message that is done with. s.mu is held.
func (s *Service) remove(f *flight) {
	s.agenda.drop(f)
	f.gone = true
	q := f.queue
	if i, ok := q.flights.find(f.offset); ok && q.flights[i] == f {
		if len(q.flights) == s.o.QueueFlights {
			s.opened = append(s.opened, q.queueKey)
		}
		q.flights = slices.Delete(q.flights, i, i+1)
		s.count--
		if len(q.flights) == 0 && q.awaited {
			q.awaited = false
			s.opened = append(s.opened, q.queueKey)
		}
	}
}

// unlock unlocks s.mu, and tells of queues that can be popped again.
func (s *Service) unlock() {
	opened := s.opened
	s.opened = nil
	s.mu.Unlock()
	for _, k := range opened {
		s.o.Opened(k.group, k.topic, k.queueID)
	}
}
