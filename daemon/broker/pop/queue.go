package pop

import (
	"fmt"
	"slices"
	"sync"
)

type queueKey struct {
	group, topic string
	queueID      int32
}

// A queue is one of a topic's, as a group pops it.
type queue struct {
	queueKey
	reading sync.Mutex // held while messages are read for a pop
	retryAt int64      // Run's own: until then none of it is stored once more, since that has failed

	// The rest is guarded by Service.mu.
	begun   bool
	next    int64 // queue offset; of a round the first that is not acknowledged
	flights flights
	round   *round // of ordered pops; nil while something is in flight without order
	awaited bool   // an ordered pop has found flights
	changed bool   // since it was kept
	note    int8   // noteNone, noteEmpty, noteFull: what is kept
}

const (
	noteNone = iota
	noteEmpty
	noteFull
)

func (s *Service) queue(k queueKey) (*queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[k]
	if q == nil {
		if len(s.queues) >= maxQueues {
			return nil, fmt.Errorf("%w: %d queues", ErrBusy, len(s.queues))
		}
		q = &queue{queueKey: k}
		s.queues[k] = q
	}
	return q, nil
}

// queuesOf are the queues that a pop may take from: the topic's, and those of the
// group's retry topic.
func (s *Service) queuesOf(r *Request) (own, retry []queueKey) {
	for id := range r.Queues {
		if r.QueueID < 0 || r.QueueID == id {
			own = append(own, queueKey{r.Group, r.Topic, id})
		}
	}
	if r.Ordered { // what is popped in order does not come there
		return own, nil
	}
	if t, ok := s.st.Topic(RetryTopic(r.Group, r.Topic)); ok && t.Name != r.Topic {
		for id := range t.ReadQueueNums {
			retry = append(retry, queueKey{r.Group, t.Name, id})
		}
	}
	return own, retry
}

func (s *Service) order(r *Request) []queueKey {
	own, retry := s.queuesOf(r)
	s.mu.Lock()
	turn := s.turns[[2]string{r.Group, r.Topic}]
	s.turns[[2]string{r.Group, r.Topic}] = turn + 1
	s.mu.Unlock()
	if n := len(own); n > 0 {
		at := int(turn % uint32(n))
		own = append(slices.Clone(own[at:]), own[:at]...)
	}
	if turn%5 == 0 {
		return append(retry, own...)
	}
	return append(own, retry...)
}

// Waiting is how many messages there are that a request can pop, whatever its filter says.
func (s *Service) Waiting(r *Request) (n int64) {
	own, retry := s.queuesOf(r)
	for _, k := range append(own, retry...) {
		n += max(0, s.st.MaxOffset(k.topic, k.queueID)-s.from(k, r))
	}
	return n
}

// from is the offset that is popped next of a queue; never if it may not be popped now.
func (s *Service) from(k queueKey, r *Request) int64 {
	have, ok := s.st.Offset(k.group, k.topic, k.queueID)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch q := s.queues[k]; {
	case q != nil && q.begun && s.barred(q, r):
		return never
	case q != nil && q.begun:
		return max(q.next, have)
	case ok:
		return have
	}
	return s.st.MinOffset(k.topic, k.queueID)
}

// catchUp takes over a later consumer offset, which somebody has committed who pulls.
// s.mu is held.
func (s *Service) catchUp(q *queue) {
	have, ok := s.st.Offset(q.group, q.topic, q.queueID)
	if !ok {
		return
	}
	for len(q.flights) > 0 && q.flights[0].offset < have {
		s.remove(q.flights[0])
	}
	if have > q.next {
		s.pass(q, have)
		s.done(q)
	}
}

// done commits how far a queue is. s.mu is held.
func (s *Service) done(q *queue) {
	to := q.next
	if len(q.flights) > 0 {
		to = q.flights[0].offset
	}
	s.st.CommitOffset(q.group, q.topic, q.queueID, to)
	s.change(q)
}
