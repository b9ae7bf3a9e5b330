package timer

import (
	"errors"
	"fmt"
	"time"

	"pairmq/daemon/broker/schedule"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
)

// patience is how long a message waits once more whose topic takes none for now.
const patience = 10 * time.Minute

// A delivery is a timer on its way into the log.
type delivery struct {
	index.LaneTimer
	size int64 // bytes of its record, 0 if that is gone
	err  error // what became of it
}

// A result is what the store says of one of them.
type result struct {
	n   int // its place
	err error
}

// errTwice: what a waiting record becomes may be what another one becomes, which is on
// its way.
var errTwice = errors.New("timer: a message with this UNIQ_KEY is on its way")

// errUnreadable: a waiting record is damaged. It may be had back from a slave.
var errUnreadable = errors.New("timer: a waiting message cannot be read")

// deliver stores what is due, a bounded number, and says whether there may be more.
func (s *Service) deliver() (more bool, err error) {
	if time.Until(s.resume) > 0 {
		return false, nil
	}
	var sent []delivery
	var bytes int64
	results, keys := make(chan result, batch), map[string]bool{}
	for i := range s.lanes {
		for l := &s.lanes[i]; len(sent) < batch && bytes < batchBytes; {
			if err := l.fill(s.st, i); err != nil {
				return false, fmt.Errorf("timer: %w", err)
			}
			t, ok := l.first()
			if !ok || t.Due > s.clock.now(i) {
				break
			}
			l.take()
			if t.PhyOffset < s.floor { // stored anew, and the file does not know yet
				continue
			}
			size, err := s.send(index.LaneTimer{Lane: i, Timer: t}, len(sent), results, keys)
			if errors.Is(err, errTwice) {
				l.add(t)
				return s.await(sent, results), nil
			}
			sent = append(sent, delivery{LaneTimer: index.LaneTimer{Lane: i, Timer: t}, size: size})
			bytes += size
			if err != nil {
				results <- result{len(sent) - 1, err}
			}
		}
	}
	if len(sent) == 0 {
		return false, nil
	}
	return s.await(sent, results), nil
}

// load returns the record of a timer; v aliases rec. It is nil if there is none any
// more, which is logged, and it fails with errUnreadable if it is damaged.
func (s *Service) load(at int64) (rec []byte, v record.View, err error) {
	rec, err = s.st.RecordAt(at)
	if err == nil {
		v, err = record.Parse(rec, record.Limits{Record: len(rec)})
	}
	switch {
	case err == nil:
		return rec, v, nil
	case at >= s.st.Start():
		return nil, v, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	s.says.early.Log("a waiting message was given back with the oldest segments before it was due", "phyOffset", at, "err", err)
	return nil, v, nil
}

// send stores what the record of a timer becomes, of size bytes, and has the answer come
// in results with the number n, unless it fails. keys are those of what is on its way.
func (s *Service) send(t index.LaneTimer, n int, results chan<- result, keys map[string]bool) (size int64, err error) {
	rec, v, err := s.load(t.PhyOffset)
	if err != nil {
		return 0, err
	}
	size = int64(len(rec))
	if _, recalled := s.recalled[t.PhyOffset]; recalled || rec == nil {
		results <- result{n, nil}
		return size, nil
	}
	log := s.log.With("phyOffset", t.PhyOffset)
	m, err := delivered(&v, s.clock.wall())
	if err != nil || string(v.Topic()) != Topic {
		log.Error("a waiting message is not delivered", "topic", string(v.Topic()), "err", err)
		results <- result{n, nil}
		return size, nil
	}
	key, _ := record.Property(m.Properties, record.PropertyUniqKey)
	if keys[key] && s.mayBeDelivered(&v) {
		return 0, errTwice
	}
	if s.wasDelivered(&v, &m) {
		results <- result{n, nil}
		return size, nil
	}
	if key != "" {
		keys[key] = true
	}
	done := func(err error) { results <- result{n, err} }
	err = s.st.Put([]record.Message{m}, done)
	if errors.Is(err, store.ErrQuota) { // others do not wait for it
		now := s.clock.wall()
		if t.Lane == spans {
			now = s.clock.logTime(s.st.NewestStoreTimestamp())
		}
		err = s.st.Put([]record.Message{again(v.Message(), now+patience.Milliseconds())}, done)
	}
	if errors.Is(err, store.ErrTooLarge) || errors.Is(err, record.ErrTooLong) {
		log.Error("a waiting message is not delivered", "topic", m.Topic, "err", err)
		results <- result{n, nil}
		return size, nil
	}
	return size, err
}

// wasDelivered says whether the log has what v becomes: what the file knows of may be
// some minutes old after the power went, and nothing at a slave that was promoted. What
// was stored anew may be there twice, if the power went before the file knew.
func (s *Service) wasDelivered(v *record.View, m *record.Message) bool {
	return s.mayBeDelivered(v) && schedule.WasDelivered(s.st, v, m)
}

func (s *Service) mayBeDelivered(v *record.View) bool {
	_, rolled := v.Property(propertyRollTimes)
	return v.PhyOffset() < s.known || rolled
}

// await waits until the store is done with what was sent. What failed is tried again,
// later; it says whether nothing did.
func (s *Service) await(sent []delivery, results <-chan result) bool {
	for range sent {
		r := <-results
		sent[r.n].err = r.err
	}
	s.end = s.st.End()
	s.changed = true
	var failed error
	var count, bytes int64
	for _, d := range sent {
		switch {
		case stored(d.err):
			if _, recalled := s.recalled[d.PhyOffset]; recalled {
				s.gone = append(s.gone, d.PhyOffset)
				delete(s.recalled, d.PhyOffset)
			}
			if d.size == 0 && s.count > 0 {
				d.size = s.bytes / s.count // nobody knows
			}
			count, bytes = count+1, bytes+d.size
		case errors.Is(d.err, errUnreadable): // others do not wait for it
			s.says.later.Log("a waiting message waits longer", "phyOffset", d.PhyOffset, "err", d.err, "retryIn", patience)
			s.lanes[d.Lane].add(index.Timer{Due: s.clock.now(d.Lane) + patience.Milliseconds(), PhyOffset: d.PhyOffset})
		default:
			s.lanes[d.Lane].add(d.Timer)
			failed = d.err
		}
	}
	s.done += len(sent)
	s.doneCount.Add(count)
	s.settled(count, bytes)
	switch {
	case failed != nil:
		wait := s.backoff.Next()
		s.resume = time.Now().Add(wait)
		if !s.failing {
			s.log.Warn("timed messages wait longer: they cannot be stored", "err", failed, "retryIn", wait.Round(time.Millisecond))
		}
		s.failing = true
		return false
	case s.failing:
		s.log.Info("timed messages are delivered again")
	}
	s.failing = false
	s.backoff.Reset()
	return true
}

// stored says whether a message is in the log, whatever was promised of it.
func stored(err error) bool {
	return err == nil || errors.Is(err, store.ErrNoSlave) || errors.Is(err, store.ErrSlaveTimeout) || errors.Is(err, store.ErrFlushTimeout)
}
