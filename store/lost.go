package store

import (
	"context"
	"errors"
	"slices"
	"sort"

	"pairmq/store/index"
)

// meet has the record of u looked at soon, at which a consumer could not be served.
func (s *Store) meet(u index.Unit) {
	if s.scrubber.flaws.meets(u) {
		poke(s.scrubber.asked)
	}
}

// lookAtMet looks at the records that consumers met.
func (s *Store) lookAtMet(ctx context.Context) error {
	var errs []error
	for _, u := range s.scrubber.flaws.takeMet() {
		if err := s.lookAt(ctx, u); err != nil && !wasGivenBack(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// lookAt reads the record of u on the medium, and in a segment that will not change
// what follows it as well. In the newest segment it stops behind u: what follows
// may be half a record yet.
func (s *Store) lookAt(ctx context.Context, u index.Unit) error {
	c := &s.scrubber
	c.looking.Lock()
	defer c.looking.Unlock()
	off, end := u.PhyOffset, u.PhyOffset+int64(u.Size)
	if start, stored := s.Bounds(); off < start || end > stored || end > s.segmentEnd(off) || c.flaws.knows(off) {
		return nil
	}
	w := s.windowOf(ctx, off, max(end, s.sealedEnd()))
	at, err := s.boundary(w, off)
	if err != nil {
		return err
	}
	_, err = s.readPiece(ctx, w, at)
	return err
}

// retryFlaws tries again to have back what is damaged and not lost.
func (s *Store) retryFlaws(ctx context.Context) error {
	s.scrubber.looking.Lock()
	defer s.scrubber.looking.Unlock()
	open, cuts := s.scrubber.flaws.takeOpen()
	return s.resolve(ctx, open, cuts)
}

// resolve has flaws repaired. What nobody has, and the medium does not give back
// when it is read once more, is lost from then on. cuts is of when they were found.
func (s *Store) resolve(ctx context.Context, flaws []Flaw, cuts int64) error {
	if len(flaws) == 0 {
		return nil
	}
	gone := flaws
	if s.opts.Flawed != nil {
		gone = s.opts.Flawed(ctx, flaws)
	}
	var lost []Flaw
	w := &window{} // neighbours are often in one piece of it
	for _, f := range flaws {
		if next := s.windowOf(ctx, f.From, max(f.To, s.sealedEnd())); next.end != w.end {
			w = next
		}
		now, next, err := s.readOver(w, f.From, f.To-f.From)
		if wasGivenBack(err) {
			now, next, err = nil, f.To, nil
		}
		if err != nil {
			return err
		}
		for _, again := range s.noteFlaws(f.From, next, now, cuts) {
			if !again.Lost && again.sameAs(f) && slices.ContainsFunc(gone, again.sameAs) {
				lost = append(lost, again)
			}
		}
	}
	s.lose(lost, cuts)
	return nil
}

func (f Flaw) sameAs(g Flaw) bool { return f.From == g.From && f.To == g.To }

// lose gives up what flaws were: consumers are led around them.
func (s *Store) lose(flaws []Flaw, cuts int64) {
	if len(flaws) == 0 {
		return
	}
	runs := s.runsIn(flaws)
	t := &s.scrubber.flaws
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cuts.Load() != cuts {
		return
	}
	for i, f := range flaws {
		k := slices.IndexFunc(t.all, f.sameAs)
		if k < 0 {
			continue // there are too many
		}
		t.all[k].Lost, t.all[k].Messages = true, 0
		for _, r := range runs[i] {
			t.all[k].Messages += r.count
			s.log.Error("messages are lost: the medium does not give them back, and nobody else has them; consumers are led around",
				"phyOffset", f.From, "bytes", f.To-f.From, "topic", r.topic, "queueId", r.queueID, "queueOffset", r.first, "lastQueueOffset", r.last, "messages", r.count)
		}
		if len(runs[i]) == 0 {
			s.log.Error("a part of the log is lost that the index knows no message of", "phyOffset", f.From, "bytes", f.To-f.From)
		}
	}
	t.publish()
}

// A lostRun is the messages of one queue in a lost part of the log.
type lostRun struct {
	queueName
	first, last int64 // queue offsets
	count       int
}

// A queueName is a queue and what the index has of it.
type queueName struct {
	topic   string
	queueID int32
	min     int64 // queue offsets
	max     int64
}

// runsIn finds the messages that lay in flaws, which ascend: for each flaw, by queue.
func (s *Store) runsIn(flaws []Flaw) [][]lostRun {
	var queues []queueName
	s.index.EachQueue(func(topic string, id int32, first, end int64) {
		queues = append(queues, queueName{topic, id, first, end})
	})
	runs := make([][]lostRun, len(flaws))
	for _, q := range queues {
		at := q.min
		for i := 0; i < len(flaws) && at < q.max; {
			at = s.firstFrom(q, at, flaws[i].From)
			u, offset, ok := s.unitFrom(q, at)
			if !ok {
				break
			}
			if i += sort.Search(len(flaws)-i, func(k int) bool { return flaws[i+k].To > u.PhyOffset }); i == len(flaws) || u.PhyOffset < flaws[i].From {
				continue
			}
			r := lostRun{queueName: q, first: offset}
			for ok && u.PhyOffset < flaws[i].To {
				r.last, r.count = offset, r.count+1
				u, offset, ok = s.unitFrom(q, offset+1)
			}
			runs[i] = append(runs[i], r)
			at = r.last + 1
			i++
		}
	}
	return runs
}

// firstFrom is the least queue offset, at or behind at, of a record at phyOffset or
// behind.
func (s *Store) firstFrom(q queueName, at, phyOffset int64) int64 {
	return searchOffsets(at, q.max, func(offset int64) bool {
		u, _, ok := s.unitFrom(q, offset)
		return !ok || u.PhyOffset >= phyOffset
	})
}

// unitFrom returns the first unit of a queue at or behind offset, and its offset.
func (s *Store) unitFrom(q queueName, offset int64) (u index.Unit, at int64, ok bool) {
	to, ok := s.index.NextOffset(q.topic, q.queueID, offset)
	if !ok {
		return u, 0, false
	}
	var one [1]index.Unit
	n, ok := s.index.Range(q.topic, q.queueID, to, one[:])
	return one[0], to, ok && n > 0
}
