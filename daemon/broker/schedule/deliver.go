package schedule

import (
	"errors"
	"fmt"

	"pairmq/store"
	"pairmq/store/record"
)

// Bounds of what is taken of a level at a time.
const (
	batch      = 32
	batchBytes = 256 << 10
)

// A delivery is a message of a level on its way into the log.
type delivery struct {
	level *level
	next  int64 // queue offset behind it
	err   error // what became of it
}

// A result is what the store says of one of them.
type result struct {
	n   int // its place
	err error
}

// take stores what is due of a level, and appends that to sent.
func (s *Scheduler) take(l *level, sent []delivery, results chan<- result) []delivery {
	s.setIdle(l, true) // first: who arrives from here on wakes Run
	l.due = never
	if s.st.MaxOffset(Topic, l.queueID) <= l.next {
		return sent
	}
	res, err := s.st.Get(Topic, l.queueID, l.next, batch, batchBytes, nil)
	if err != nil {
		s.setIdle(l, false)
		s.failed(l, fmt.Errorf("schedule: read level %d from queue offset %d on: %w", l.queueID+1, l.next, err))
		return sent
	}
	defer res.Release()
	if res.Status != store.Found {
		s.pass(l, &res)
		return sent
	}
	s.setIdle(l, false)
	l.due = s.clock.up() // unless something says otherwise there may be more
	for body := res.Body; len(body) > 0; {
		v, err := record.Parse(body, record.Limits{Record: len(body)})
		if err != nil {
			s.failed(l, fmt.Errorf("schedule: level %d from queue offset %d on: %w", l.queueID+1, l.next, err))
			return sent
		}
		body = body[v.Size():]
		due := l.dueAt(&s.clock, s.aheadAt(l, v.QueueOffset()), v.QueueOffset(), v.StoreTimestamp())
		if up := s.clock.up(); due > up {
			l.due = due
			if v.QueueOffset() < l.known {
				l.due = min(due, up+lookAgain.Milliseconds())
			}
			return sent
		}
		d, err := s.send(l, &v, len(sent), results)
		if err != nil {
			s.failed(l, err)
			return sent
		}
		sent = append(sent, d)
	}
	return sent
}

// pass goes on where there is something, if nothing can be read at the level's offset.
func (s *Scheduler) pass(l *level, res *store.Result) {
	to := res.NextBeginOffset
	if first := s.st.MinOffset(Topic, l.queueID); first > l.next { // retention was here, now or before
		s.gone(l, l.next, first)
		to = first
	}
	if res.Status == store.OffsetOverflowBadly || to <= l.next {
		return // there is nothing
	}
	l.reached(to)
	s.setIdle(l, false)
	l.due = s.clock.up()
}

func (s *Scheduler) setIdle(l *level, idle bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.idle = idle
	l.marks.forget(l.next)
}

func (s *Scheduler) aheadAt(l *level, offset int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return l.marks.at(offset)
}

// send stores what the waiting record v becomes, and has the answer come in results
// with the number n. It fails if nothing can be stored now.
func (s *Scheduler) send(l *level, v *record.View, n int, results chan<- result) (delivery, error) {
	d := delivery{level: l, next: v.QueueOffset() + 1}
	log := s.log.With("level", l.queueID+1, "queueOffset", v.QueueOffset(), "phyOffset", v.PhyOffset())
	m, err := delivered(v)
	if err != nil {
		log.Error("a delayed message is not delivered", "err", err)
		results <- result{n, nil}
		return d, nil
	}
	if s.wasDelivered(l, v, &m) {
		results <- result{n, nil}
		return d, nil
	}
	ms := []record.Message{m}
	done := func(err error) { results <- result{n, err} }
	err = s.st.Put(ms, done)
	if errors.Is(err, store.ErrQuota) { // it waits once more, and others do not wait for it
		Defer(&ms[0], s.patience(), s.count)
		err = s.st.Put(ms, done)
	}
	if errors.Is(err, store.ErrTooLarge) || errors.Is(err, record.ErrTooLong) {
		log.Error("a delayed message is not delivered", "topic", m.Topic, "err", err)
		results <- result{n, nil}
		return d, nil
	}
	return d, err
}

// wasDelivered says whether the log has what v becomes: the progress that is kept may
// be some seconds old after the power went, and at a slave that was promoted. Only
// what was due when the last record was stored can be there.
func (s *Scheduler) wasDelivered(l *level, v *record.View, m *record.Message) bool {
	if v.QueueOffset() >= l.known || v.StoreTimestamp()+l.delay > s.newest+slack(l.delay) {
		return false
	}
	return WasDelivered(s.st, v, m)
}

// await waits until the store is done with what was sent, and notes how far each
// level is: up to the first that failed. What follows that one is delivered again.
func (s *Scheduler) await(sent []delivery, results <-chan result) {
	for range sent {
		r := <-results
		sent[r.n].err = r.err
	}
	end := s.st.End()
	for i := range sent {
		d := &sent[i]
		l := d.level
		switch {
		case l.broken:
		case stored(d.err):
			l.end = end
			l.reached(d.next)
			s.works(l)
		default:
			l.broken = true
			s.failed(l, fmt.Errorf("schedule: deliver level %d, queue offset %d: %w", l.queueID+1, d.next-1, d.err))
		}
	}
	for i := range sent {
		sent[i].level.broken = false
	}
}

// stored says whether a message is in the log, whatever was promised of it: then it
// is not stored once more. Its progress waits until it is on flash.
func stored(err error) bool {
	return err == nil || errors.Is(err, store.ErrNoSlave) || errors.Is(err, store.ErrSlaveTimeout) || errors.Is(err, store.ErrFlushTimeout)
}
