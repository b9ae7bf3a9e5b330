package pop

import (
	"fmt"

	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// Bounds of one pop.
const (
	MaxMessages  = 32
	MaxInvisible = int64(24 * 60 * 60 * 1000) // ms
	maxBytes     = 256 << 10
	maxScans     = 4 // of a queue, where a filter lets nothing through
)

// A Request is what a pop asks for. Group and Topic live on.
type Request struct {
	Group, Topic string
	Queues       int32 // of the topic
	QueueID      int32 // AnyQueue for any
	Max          int
	Invisible    int64        // ms
	FromEnd      bool         // a new group begins at the end of a queue
	Ordered      bool         // one round of a queue at a time; see round
	Attempt      string       // of an ordered pop: a repeated one has the same; lives on
	Filter       store.Filter // nil passes all
	Room         store.Room
}

// A Popped is messages of one queue that are in flight from now on.
type Popped struct {
	Topic              string // the one asked for or its retry topic; "" if nothing was popped
	QueueID            int32
	Offsets            []int64
	Counts             []int32 // of an ordered pop: how often each message came before
	PopTime, Invisible int64   // ms
	Result             store.Result
	Rest               int64 // messages that can be popped now
}

// Pop takes messages of the first queue that has some, in turn; every fifth time the
// group's retry topic comes first, else last.
func (s *Service) Pop(r *Request) (Popped, error) {
	s.steady.RLock()
	defer s.steady.RUnlock()
	if err := s.begin(r); err != nil {
		return Popped{}, err
	}
	order := s.order(r)
	for _, k := range order {
		q, err := s.queue(k)
		if err != nil {
			return Popped{}, err
		}
		p, err := s.popQueue(q, r)
		if err != nil {
			return Popped{}, err
		}
		if p.Topic != "" {
			p.Rest = s.Waiting(r)
			return p, nil
		}
	}
	return Popped{Rest: s.Waiting(r)}, nil
}

// begin says where a new group begins that begins at the end, durably: later the end
// would be elsewhere. As with RocketMQ it gets the last message there is.
func (s *Service) begin(r *Request) error {
	if !r.FromEnd {
		return nil
	}
	s.starting.Lock()
	defer s.starting.Unlock()
	var all []table.Offset
	for id := range r.Queues {
		if _, ok := s.st.Offset(r.Group, r.Topic, id); ok {
			continue
		}
		o := table.Offset{Group: r.Group, Topic: r.Topic, QueueID: id}
		if !s.o.Young(r.Topic, id) {
			o.Offset = max(s.st.MaxOffset(r.Topic, id)-1, s.st.MinOffset(r.Topic, id))
		}
		all = append(all, o)
	}
	if all == nil {
		return nil
	}
	return s.st.ResetOffsets(all)
}

// popQueue takes what a queue has.
func (s *Service) popQueue(q *queue, r *Request) (Popped, error) {
	q.reading.Lock()
	defer q.reading.Unlock()
	for range maxScans {
		from, most, err := s.ready(q, r)
		if err != nil || most <= 0 {
			return Popped{}, err
		}
		if end := s.st.MaxOffset(q.topic, q.queueID); from >= end {
			if from > end {
				err = s.correct(q, from)
			}
			return Popped{}, err
		}
		res, err := s.st.GetWithin(q.topic, q.queueID, from, most, maxBytes, r.Filter, r.Room)
		if err != nil {
			return Popped{}, err
		}
		if res.Status != store.Found {
			if res.NextBeginOffset <= from {
				return Popped{}, nil // there is a hole, or the end
			}
			s.mu.Lock()
			s.pass(q, max(q.next, res.NextBeginOffset))
			s.done(q)
			s.unlock()
			continue
		}
		offsets, err := offsetsIn(res.Body)
		if err != nil {
			res.Release()
			return Popped{}, fmt.Errorf("pop: %s queue %d from %d on: %w", q.topic, q.queueID, from, err)
		}
		p := Popped{Topic: q.topic, QueueID: q.queueID, Offsets: offsets, PopTime: s.o.Wall(), Invisible: r.Invisible, Result: res}
		if s.taken(q, r, from, &p) {
			return p, nil
		}
		res.Release()
	}
	return Popped{}, nil
}

// taken puts in flight what was read of q, from an offset on, unless the round there was
// changed meanwhile.
func (s *Service) taken(q *queue, r *Request, from int64, p *Popped) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.next != from || s.barred(q, r) {
		return false
	}
	if r.Ordered {
		p.PopTime, p.Counts = s.takeRound(q, r, p.Offsets, p.Result.NextBeginOffset)
	} else {
		s.dropRound(q)
		for _, o := range p.Offsets {
			s.take(q, o, p.PopTime, p.Invisible, p.Invisible)
		}
		q.next = p.Result.NextBeginOffset
	}
	s.done(q)
	return true
}

// correct has a group go on at the end of a queue beyond which somebody has committed its
// offset: it would skip what comes until there. As RocketMQ does.
func (s *Service) correct(q *queue, from int64) error {
	res, err := s.st.Get(q.topic, q.queueID, from, 1, 1, nil)
	if err != nil {
		return err
	}
	defer res.Release()
	if res.Status != store.OffsetOverflowBadly { // it is there by now, or a slave has given it out before it may be seen here
		return nil
	}
	if err := s.st.ResetOffsets([]table.Offset{{Group: q.group, Topic: q.topic, QueueID: q.queueID, Offset: res.NextBeginOffset}}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropRound(q)
	q.next = res.NextBeginOffset
	s.change(q)
	return nil
}

// offsetsIn returns the queue offsets of records.
func offsetsIn(body []byte) (offsets []int64, err error) {
	for len(body) > 0 {
		v, err := record.Parse(body, record.Limits{Record: len(body)})
		if err != nil {
			return nil, err
		}
		offsets, body = append(offsets, v.QueueOffset()), body[v.Size():]
	}
	return offsets, nil
}

// ready returns where q is read, and for how many messages.
func (s *Service) ready(q *queue, r *Request) (from int64, most int, err error) {
	first := s.st.MinOffset(q.topic, q.queueID)
	s.mu.Lock()
	defer s.unlock()
	if !q.begun {
		q.begun, q.next = true, 0
		if _, ok := s.st.Offset(q.group, q.topic, q.queueID); !ok {
			q.next = first
		}
	}
	s.catchUp(q)
	if s.barred(q, r) {
		return 0, 0, nil
	}
	if s.count >= s.o.Flights && s.idle > 0 {
		s.forgetIdle(q)
	}
	room := s.o.Flights - s.count
	if q.round != nil { // which is taken once more
		room += len(q.round.took)
	}
	if room <= 0 {
		return 0, 0, fmt.Errorf("%w: %d", ErrBusy, s.count)
	}
	return q.next, min(r.Max, MaxMessages, s.o.QueueFlights-len(q.flights), room), nil
}
