package timer

import (
	"errors"
	"fmt"
	"time"

	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
)

// Bounds of what is stored anew at a time, and how long nothing is then unless it is
// urgent: four times as long as it took, and this at least.
const (
	rollTimers = 4096
	rollBytes  = 4 << 20
	rollPause  = 50 * time.Millisecond
)

// roomTime is how long the disk may have no room for what goes next before that is given
// up: a segment that was given back just now becomes room a little later, and a full file
// system is looked at again every five seconds. Nobody else can store anything meanwhile.
const roomTime = 15 * time.Second

// roll stores messages anew whose records retention gives back next, as RocketMQ rolls
// those that wait for longer than its wheel goes round: a bounded number, and says
// whether it did. What is due is delivered first, if there is no more of that.
func (s *Service) roll(due bool) (did bool, err error) {
	before, urgent := s.st.GoesNext()
	if before <= s.low || s.count == 0 {
		return false, nil
	}
	// One segment after the other: there is room for so much where it is urgent.
	size := s.st.SegmentSize()
	before = min(before, max(s.low, s.st.Start())/size*size+size)
	if s.next < s.st.MaxOffset(Topic, 0) { // what is not read yet waits too
		if before = min(before, s.read); before <= s.low {
			s.rollAt = time.Now().Add(rollPause)
			return false, nil
		}
	}
	if !urgent && (due || time.Until(s.rollAt) > 0) || s.rolling && time.Until(s.rollAt) > 0 {
		return false, nil
	}
	if s.changed { // the file must say what is pending
		if s.st.Durable() < max(s.read, s.end) {
			s.rollAt = time.Now().Add(rollPause)
			return false, nil
		}
		if err := s.commit(); err != nil {
			return false, err
		}
	}
	began := time.Now()
	oldest, err := s.st.OldestTimers(rollTimers)
	if err != nil {
		return false, fmt.Errorf("timer: %w", err)
	}
	n := 0
	for n < len(oldest) && oldest[n].PhyOffset < before {
		n++
	}
	switch {
	case len(oldest) == 0: // whatever was counted
		s.settled(s.count, s.bytes)
		return false, nil
	case n == 0:
		s.low = oldest[0].PhyOffset
		s.publish()
		return false, nil
	}
	floor := func(n int) int64 {
		if n < len(oldest) || n == rollTimers { // there are more, or may be
			return min(oldest[n-1].PhyOffset+1, before)
		}
		return before
	}
	done, err := s.storeAnew(oldest[:n])
	if done > 0 {
		s.noRoom = time.Time{}
		s.floor, s.low, s.rolled, s.changed, s.end = floor(done), floor(done), true, true, s.st.End()
		s.log.Debug("waiting messages were stored anew: their segment is given back next", "count", done, "before", s.floor)
	}
	if err != nil {
		s.rollFailed(err, urgent, before)
		return done > 0, nil
	}
	s.rolling, s.noRoom = false, time.Time{}
	s.rollAt = time.Now().Add(max(rollPause, 4*time.Since(began)))
	return true, nil
}

// rollFailed tries again later. Where the disk has had no room for it for long, and
// retention waits for nothing else, the segment goes: else nobody could store anything any
// more.
func (s *Service) rollFailed(err error, urgent bool, before int64) {
	wait := s.backoff.Next()
	full := urgent && errors.Is(err, store.ErrDiskFull)
	switch {
	case !full:
		s.noRoom = time.Time{}
	case s.noRoom.IsZero():
		s.noRoom = time.Now()
	}
	if full {
		wait = min(wait, time.Second)
	}
	s.rollAt = time.Now().Add(wait)
	if full && time.Since(s.noRoom) >= roomTime {
		s.noRoom = time.Time{}
		s.log.Error("waiting messages are given back before they are due: there is no room to store them anew", "before", before, "err", err)
		s.low = before
		s.publish()
	} else if !s.rolling {
		s.log.Warn("waiting messages cannot be stored anew yet; their segments are kept", "before", before, "err", err, "retryIn", wait.Round(time.Millisecond))
	}
	s.rolling = true
}

// storeAnew stores copies of the records of timers, in their order, and returns of how
// many, if not of all since these are bytes enough.
func (s *Service) storeAnew(all []index.LaneTimer) (done int, err error) {
	results := make(chan result, batch)
	for total := int64(0); done < len(all) && total < rollBytes && err == nil; {
		sent, bytes := 0, int64(0)
		for sent < min(batch, len(all)-done) && bytes < batchBytes {
			size, failed := s.sendAnew(all[done+sent], results)
			if err = failed; err != nil {
				break
			}
			sent, bytes = sent+1, bytes+size
		}
		var failed error
		for range sent {
			if r := <-results; !stored(r.err) {
				failed = r.err
			}
		}
		if failed != nil { // some may be there twice: see wasDelivered
			return done, failed
		}
		s.settled(int64(sent), bytes)
		done, total = done+sent, total+bytes
	}
	return done, err // of those behind done, of which none was stored
}

// sendAnew stores a copy of the record of a timer, of size bytes, and has the answer
// come in results, unless it fails. What was recalled, is there already, or is not
// there any more needs none.
func (s *Service) sendAnew(t index.LaneTimer, results chan<- result) (size int64, err error) {
	rec, v, err := s.load(t.PhyOffset)
	if err != nil { // it may be mended where it lies, but is not kept for that
		s.says.lost.Log("a waiting message is lost with its segment", "phyOffset", t.PhyOffset, "err", err)
	}
	size = int64(len(rec))
	_, recalled := s.recalled[t.PhyOffset]
	if recalled || rec == nil {
		results <- result{}
		return size, nil
	}
	if t.Due <= s.clock.now(t.Lane) {
		if m, err := delivered(&v, 0); err == nil && s.wasDelivered(&v, &m) {
			results <- result{}
			return size, nil
		}
	}
	m := v.Message()
	out, _ := outOf(m.Properties)
	if t.Lane == spans { // what is left of it, whatever the wall clock says
		out = s.clock.logTime(s.st.NewestStoreTimestamp()) + max(0, t.Due-s.clock.span())
	}
	err = s.st.PutAnew([]record.Message{again(m, out)}, func(err error) { results <- result{err: err} })
	if errors.Is(err, store.ErrTooLarge) || errors.Is(err, record.ErrTooLong) { // it has grown by TIMER_ROLL_TIMES
		s.says.lost.Log("a waiting message is lost with its segment", "phyOffset", t.PhyOffset, "err", err)
		results <- result{}
		return size, nil
	}
	return size, err
}
