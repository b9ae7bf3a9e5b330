package pop

import (
	"container/heap"
	"errors"
	"fmt"
	"strconv"
	"time"

	"pairmq/store"
	"pairmq/store/record"
	"pairmq/store/table"
)

// Bounds of what is stored once more at a time.
const (
	batch      = 32
	batchBytes = 1 << 20
)

const propertyFirstPop = "1ST_POP_TIME"

// maxBackoff is the longest that a queue waits of which a message could not be stored.
const maxBackoff = 10 * time.Second

// expire stores messages once more whose time is over, some at a time.
func (s *Service) expire() {
	due := s.due()
	if len(due) == 0 {
		return
	}
	results := make(chan result, len(due))
	sent := 0
	var failed error
	for at, bytes := 0, 0; at < len(due); at++ {
		f := due[at]
		if f.queue.retryAt > s.up() {
			s.later(f, f.queue.retryAt)
			continue
		}
		if bytes > batchBytes {
			s.later(f, f.due)
			continue
		}
		n, waits, err := s.again(f, results)
		switch {
		case err != nil:
			failed = err
			s.failed(f)
		case waits:
			sent++
		}
		bytes += n
	}
	for range sent {
		r := <-results
		if !stored(r.err) {
			failed = r.err
			s.failed(r.f)
			continue
		}
		end := s.st.End()
		s.mu.Lock()
		r.f.end = end
		s.landing = append(s.landing, r.f)
		s.mu.Unlock()
	}
	s.report(failed, sent > 0)
}

type result struct {
	f   *flight
	err error
}

// due takes what is due off the agenda, and tells of rounds that are visible again.
func (s *Service) due() (due []*flight) {
	s.mu.Lock()
	defer s.unlock()
	for up := s.up(); len(due) < batch && len(s.agenda) > 0 && s.agenda[0].due <= up; {
		f := heap.Pop(&s.agenda).(*flight)
		if o := f.queue.round; o != nil && o.alarm == f {
			s.rang(f.queue)
			continue
		}
		due = append(due, f)
	}
	return due
}

// failed has the queue of a flight wait that could not be stored: a disk that is full is
// not asked for each message there is. Others of the queue come first then, it may be that
// the failure is its own.
func (s *Service) failed(f *flight) {
	if up := s.up(); f.queue.retryAt <= up {
		f.queue.retryAt = up + s.backoff.Next().Milliseconds()
	}
	s.later(f, f.queue.retryAt+1)
}

// later puts a flight back on the agenda.
func (s *Service) later(f *flight, due int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !f.gone { // its queue was reset meanwhile
		f.due = due
		heap.Push(&s.agenda, f)
	}
}

// report says once that messages do not come again, and once that they do: nothing has
// failed for longer than anything waits.
func (s *Service) report(err error, some bool) {
	up := s.up()
	long := up-s.failedAt > 2*maxBackoff.Milliseconds()
	switch {
	case err != nil:
		if !s.failing || long {
			s.log.Warn("popped messages that were not acknowledged come again later: they cannot be stored", "err", err)
		}
		s.failing, s.failedAt = true, up
	case s.failing && some && long:
		s.log.Info("popped messages that were not acknowledged come again")
		s.failing = false
		s.backoff.Reset()
	}
}

// stored says whether a message is in the log, whatever was promised of it.
func stored(err error) bool {
	return err == nil || errors.Is(err, store.ErrNoSlave) || errors.Is(err, store.ErrSlaveTimeout) || errors.Is(err, store.ErrFlushTimeout)
}

// again stores the message of f where it comes again, and has the answer come in
// results, if it waits for one: a message that is gone does not come again.
func (s *Service) again(f *flight, results chan<- result) (bytes int, waits bool, err error) {
	q := f.queue
	res, v, err := s.message(q.topic, q.queueID, f.offset)
	if err != nil {
		return 0, false, err
	}
	defer res.Release()
	if v == nil {
		s.gone(f, &res)
		return 0, false, nil
	}
	m := s.retried(q.group, q.topic, f.popTime, v)
	if err := s.o.Make(m.Topic); err != nil {
		return 0, false, err
	}
	s.steady.RLock() // from here on nothing is reset or deleted
	defer s.steady.RUnlock()
	s.mu.Lock()
	gone := f.gone
	s.mu.Unlock()
	if gone {
		return 0, false, nil
	}
	err = s.st.Put([]record.Message{m}, func(err error) { results <- result{f, err} })
	return len(res.Body), err == nil, err
}

// message reads the message at an offset; nil if it is not there. The view is of what the
// result holds.
func (s *Service) message(topic string, queueID int32, offset int64) (store.Result, *record.View, error) {
	res, err := s.st.Get(topic, queueID, offset, 1, 1, nil)
	if err != nil {
		return res, nil, fmt.Errorf("pop: read %s queue %d at %d: %w", topic, queueID, offset, err)
	}
	if res.Status != store.Found {
		return res, nil, nil
	}
	v, err := record.Parse(res.Body, record.Limits{Record: len(res.Body)})
	if err != nil {
		res.Release()
		return store.Result{}, nil, fmt.Errorf("pop: %s queue %d at %d: %w", topic, queueID, offset, err)
	}
	if v.QueueOffset() != offset {
		return res, nil, nil
	}
	return res, &v, nil
}

// gone is for a message that is not there any more: it is too old, lost, or its topic
// was deleted.
func (s *Service) gone(f *flight, res *store.Result) {
	q := f.queue
	s.mu.Lock()
	defer s.unlock()
	if f.gone {
		return
	}
	s.lost.Log("a popped message that was not acknowledged does not come again: it is gone", "topic", q.topic, "queueId", q.queueID,
		"queueOffset", f.offset, "group", q.group, "status", res.Status.String())
	s.remove(f)
	s.done(q)
}

// retried is what a message becomes that was popped at popTime (ms since 1970): one of the
// group's retry topic, or a dead letter if it was tried often enough.
func (s *Service) retried(group, topic string, popTime int64, v *record.View) record.Message {
	m := v.Message()
	g, ok := s.st.Group(group)
	if !ok {
		g = table.DefaultGroup(group)
	}
	if _, ok := record.Property(m.Properties, propertyFirstPop); !ok {
		had := m.Properties
		m.Properties = record.AppendProperty(had, propertyFirstPop, strconv.FormatInt(popTime, 10))
		if _, err := record.SizeCRC(&m); err != nil { // no room: better without it than never again
			m.Properties = had
		}
	}
	m.Topic, m.QueueID = RetryTopic(group, topic), 0
	if m.ReconsumeTimes >= g.RetryMaxTimes {
		m.Topic = table.DLQPrefix + group
	}
	m.SysFlag &^= record.SysTransactionMask
	m.ReconsumeTimes++
	return m
}

// land is done with what is on flash now.
func (s *Service) land() {
	durable := s.st.Durable()
	s.mu.Lock()
	defer s.unlock()
	left := s.landing[:0]
	for _, f := range s.landing {
		switch {
		case f.end > durable:
			left = append(left, f)
		case !f.gone:
			s.remove(f)
			s.done(f.queue)
		}
	}
	clear(s.landing[len(left):])
	s.landing = left
}
