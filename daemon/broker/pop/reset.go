package pop

import "pairmq/store/table"

// Reset runs reset, which sets the offsets of these queues of a group, and has it pop
// from there on. What is in flight of them is forgotten, also what the last master had.
// Nothing is popped meanwhile: what was read before would be in flight behind it.
func (s *Service) Reset(all []table.Offset, reset func() error) error {
	s.steady.Lock()
	defer s.steady.Unlock()
	s.mu.Lock()
	for _, o := range all {
		if q := s.queues[queueKey{o.Group, o.Topic, o.QueueID}]; q != nil {
			s.empty(q)
		}
		s.revival.forget(queueKey{o.Group, o.Topic, o.QueueID})
	}
	s.mu.Unlock()
	return reset()
}

// empty forgets what is in flight of q, which begins anew. s.mu is held.
func (s *Service) empty(q *queue) {
	for len(q.flights) > 0 {
		s.remove(q.flights[0])
	}
	s.dropRound(q)
	q.begun, q.next = false, 0
}

// Forget runs remove, which deletes a topic or a group; the other name is "". Nothing is
// popped meanwhile, and what there was of it has no state any more, durably: neither
// is it acknowledged, nor does it come again.
func (s *Service) Forget(group, topic string, remove func() error) error {
	s.steady.Lock()
	defer s.steady.Unlock()
	matches := func(g, t string) bool { return (g == group || group == "") && (t == topic || topic == "") }
	gone := map[string][]byte{}
	s.mu.Lock()
	for k, q := range s.queues {
		if !matches(k.group, k.topic) {
			continue
		}
		s.empty(q)
		if q.note != noteNone {
			gone[noteKey(k)] = nil
		}
		delete(s.queues, k)
	}
	for k := range s.revival.began {
		if matches(k.group, k.topic) {
			s.revival.forget(k)
		}
	}
	for k := range s.turns {
		if matches(k[0], k[1]) {
			delete(s.turns, k)
		}
	}
	s.mu.Unlock()
	if err := remove(); err != nil {
		return err
	}
	return s.st.SetNotes(gone)
}

// Pops says whether a queue is popped by the group, of late or now.
func (s *Service) Pops(group, topic string, queueID int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[queueKey{group, topic, queueID}]
	return q != nil && q.begun
}
