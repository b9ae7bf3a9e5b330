package store

import "pairmq/store/index"

// recount asks the index what the log holds of the topics that wanted picks, where
// adding up does not do: at the start, and after a topic or a part of the log is
// gone. The time follows from the units of these topics, so from their quotas over
// their smallest record, if these held so far.
func (s *Store) recount(wanted func(topic string) bool) error {
	if s.quotas.limit == nil {
		return nil
	}
	whole := s.countOnce(wanted)
	if !whole {
		if err := s.mend(); err != nil {
			return err
		}
		whole = s.countOnce(wanted)
	}
	if !whole {
		s.log.Warn("a part of the index cannot be read; topics may take more than topicMaxBytes by what it has of theirs")
	}
	s.quotas.drop(s.clog.Start()) // perhaps segments went meanwhile
	return nil
}

// recountTopic is recount for one topic, if it has a quota.
func (s *Store) recountTopic(name string) error {
	if s.quotas.limit == nil || s.quotas.limit(name) <= 0 {
		return nil
	}
	return s.recount(func(topic string) bool { return topic == name })
}

// countOnce is recount, and says whether it could read all of the index.
func (s *Store) countOnce(wanted func(topic string) bool) (whole bool) {
	s.gate.mu.Lock() // nothing is on its way into the log,
	defer s.gate.mu.Unlock()
	s.releasing.Lock() // or from there into the index
	defer s.releasing.Unlock()
	c := quotaCount{start: s.clog.Start(), segment: s.opts.SegmentSize, held: map[string]map[int64]int64{}}
	counts := func(topic string) bool { return wanted(topic) && s.quotas.limit(topic) > 0 }
	whole = c.addIndexed(s.index, counts)
	deleted := s.index.Deleted()
	s.pending.each(func(e *pendingEntry) {
		if topic := e.queue.topic; e.queued && counts(topic) && e.phy >= deleted[topic] {
			c.add(topic, e.phy, int64(e.size))
		}
	})
	s.quotas.replace(c.held, wanted)
	return whole
}

// A quotaCount adds up records by topic and segment.
type quotaCount struct {
	start, segment int64 // of the log; of each segment
	held           map[string]map[int64]int64
}

func (c *quotaCount) add(topic string, phyOffset, n int64) {
	if phyOffset < c.start {
		return
	}
	if c.held[topic] == nil {
		c.held[topic] = map[int64]int64{}
	}
	c.held[topic][phyOffset/c.segment*c.segment] += n
}

// addIndexed adds the units of all queues of the topics that count, and says
// whether it could read them all.
func (c *quotaCount) addIndexed(x *index.Index, counts func(topic string) bool) (whole bool) {
	type span struct {
		topic      string
		id         int32
		first, end int64
	}
	var spans []span
	x.EachQueue(func(topic string, id int32, first, end int64) {
		if first < end && counts(topic) {
			spans = append(spans, span{topic, id, first, end})
		}
	})
	whole = true
	units := make([]index.Unit, 1024)
	for _, q := range spans {
		for at := q.first; at < q.end; {
			n, ok := x.Range(q.topic, q.id, at, units)
			for _, u := range units[:n] {
				c.add(q.topic, u.PhyOffset, int64(u.Size))
			}
			at += int64(n)
			if n > 0 {
				continue
			}
			next, more := x.NextOffset(q.topic, q.id, at)
			if !ok || next == at { // what is there cannot be read
				whole = false
				next++
			}
			if !more {
				break
			}
			at = max(at, next)
		}
	}
	return whole
}
