package pop

import "pairmq/store"

// Peek returns messages that a pop would take, of the first queue that has some, the
// group's retry topic last. It takes none, and there are no handles for them. Filters are
// not looked at, as by RocketMQ.
func (s *Service) Peek(r *Request) (Popped, error) {
	p := Popped{Rest: s.Waiting(r)}
	own, retry := s.queuesOf(r)
	for _, k := range append(own, retry...) {
		from := s.from(k, r)
		if from >= s.st.MaxOffset(k.topic, k.queueID) {
			continue
		}
		res, err := s.st.GetWithin(k.topic, k.queueID, max(from, s.st.MinOffset(k.topic, k.queueID)), min(r.Max, MaxMessages), maxBytes, nil, r.Room)
		if err != nil {
			return p, err
		}
		if res.Status == store.Found {
			p.Topic, p.QueueID, p.Result = k.topic, k.queueID, res
			return p, nil
		}
	}
	return p, nil
}
