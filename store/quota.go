package store

import (
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Quotas bound what topics take of the log that all share: a topic that runs wild
// would push out everybody else's messages, since whole segments go, oldest first.
// Only topics that have a quota are counted, in memory: every record of theirs that
// is in a consume queue, by the segment in which it lies. A slave counts nothing: its
// master has refused, and it counts when it is opened as a master.
type quotas struct {
	limit   func(topic string) int64 // nil: nobody has one
	segment int64                    // bytes
	log     *slog.Logger

	mu      sync.Mutex // taken last, under the log's lock too
	byTopic map[string]*holding
}

// A holding is what the log holds of one topic.
type holding struct {
	limit    int64
	bytes    int64 // in segments, and what is on its way there
	segments []share
	full     bool // a message was refused since there was room last
}

// A share is how much of a segment is one topic's.
type share struct{ start, bytes int64 }

// A TopicQuota is how much of the log is one topic's, and how much may be.
type TopicQuota struct {
	Topic string
	Bytes int64 // of its records that the log holds
	Limit int64 // bytes
	Full  bool  // messages are refused
}

// openQuotas counts what the log holds of topics with a quota. A store that is
// read-only, or a copy, needs no quota.
func (s *Store) openQuotas() error {
	if s.opts.Quota == nil || s.opts.Copy || s.damaged {
		return nil
	}
	s.quotas = quotas{limit: s.opts.Quota, segment: s.opts.SegmentSize, log: s.log, byTopic: map[string]*holding{}}
	return s.recount(func(string) bool { return true })
}

// reserve takes n bytes out of the topic's quota, before anything is stored, and
// returns from whose; nil if the topic has no quota. It fails with ErrQuota if they
// would be too many, and with ErrTooLarge if they always were.
func (q *quotas) reserve(topic string, n int64) (*holding, error) {
	if q.limit == nil {
		return nil, nil
	}
	limit := q.limit(topic)
	if limit <= 0 {
		return nil, nil
	}
	if n > limit {
		return nil, fmt.Errorf("%w: %d bytes, the quota of topic %s is %d", ErrTooLarge, n, topic, limit)
	}
	q.mu.Lock()
	h := q.get(topic)
	if h.bytes+n <= h.limit {
		h.bytes += n
		q.mu.Unlock()
		return h, nil
	}
	held, first := h.bytes, !h.full
	h.full = true
	q.mu.Unlock()
	if first {
		q.log.Warn("a topic has reached its quota; its messages are refused until old segments are given back", "topic", topic, "bytes", held, "topicMaxBytes", limit)
	}
	return nil, fmt.Errorf("%w: %d bytes of topic %s are in the log and %d more would be, %d may", ErrQuota, held, topic, n, limit)
}

// add takes n bytes out of the topic's quota as reserve does, whatever there is of it:
// for what is stored anew, of which the log has one more until the first goes.
func (q *quotas) add(topic string, n int64) *holding {
	if q.limit == nil || q.limit(topic) <= 0 {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.get(topic)
	h.bytes += n
	return h
}

// get finds a topic's holding, or makes it. The caller holds mu.
func (q *quotas) get(topic string) *holding {
	h := q.byTopic[topic]
	if h == nil {
		h = &holding{limit: q.limit(topic)}
		q.byTopic[strings.Clone(topic)] = h // our copy: no request's memory hangs on it
	}
	return h
}

// giveBack is for n bytes that were reserved and not stored.
func (q *quotas) giveBack(h *holding, n int64) {
	if h == nil {
		return
	}
	q.mu.Lock()
	h.bytes -= n
	q.mu.Unlock()
}

// place notes where n bytes lie that were reserved. The log's lock is held, so that
// segments come in order.
func (q *quotas) place(h *holding, phyOffset, n int64) {
	if h == nil {
		return
	}
	q.mu.Lock()
	h.add(phyOffset/q.segment*q.segment, n)
	q.mu.Unlock()
}

func (h *holding) add(segment, n int64) {
	if last := len(h.segments) - 1; last >= 0 && h.segments[last].start == segment {
		h.segments[last].bytes += n
		return
	}
	h.segments = append(h.segments, share{segment, n})
}

// drop forgets what lay before start, where the log begins now.
func (q *quotas) drop(start int64) {
	if q.limit == nil {
		return
	}
	q.mu.Lock()
	for _, h := range q.byTopic {
		n := 0
		for ; n < len(h.segments) && h.segments[n].start < start; n++ {
			h.bytes -= h.segments[n].bytes
		}
		h.segments = slices.Delete(h.segments, 0, n)
	}
	again := q.settle()
	q.mu.Unlock()
	q.tell(again)
}

// settle finds the topics that have room again, and forgets those that hold
// nothing. The caller holds mu.
func (q *quotas) settle() (again []TopicQuota) {
	for topic, h := range q.byTopic {
		if h.full && h.bytes < h.limit {
			h.full = false
			again = append(again, TopicQuota{Topic: topic, Bytes: h.bytes, Limit: h.limit})
		}
		if h.bytes == 0 { // so nothing is on its way either
			delete(q.byTopic, topic)
		}
	}
	return again
}

func (q *quotas) tell(again []TopicQuota) {
	for _, t := range again {
		q.log.Info("a topic is below its quota again", "topic", t.Topic, "bytes", t.Bytes, "topicMaxBytes", t.Limit)
	}
}

// replace has the topics that wanted picks hold what was counted.
func (q *quotas) replace(counted map[string]map[int64]int64, wanted func(topic string) bool) {
	q.mu.Lock()
	for topic, h := range q.byTopic {
		if wanted(topic) {
			h.bytes, h.segments = 0, nil
		}
	}
	for topic, segments := range counted {
		h := q.get(topic)
		for start, n := range segments {
			h.bytes, h.segments = h.bytes+n, append(h.segments, share{start, n})
		}
		sort.Slice(h.segments, func(i, j int) bool { return h.segments[i].start < h.segments[j].start })
	}
	again := q.settle()
	q.mu.Unlock()
	q.tell(again)
}

// Quotas returns every topic that has a quota, by name, also those of which the log
// holds nothing; none if the store is a copy.
func (s *Store) Quotas() []TopicQuota {
	q := &s.quotas
	if q.limit == nil {
		return nil
	}
	topics, _ := s.index.Topics()
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []TopicQuota
	for topic, h := range q.byTopic {
		all = append(all, TopicQuota{Topic: topic, Bytes: h.bytes, Limit: h.limit, Full: h.full})
	}
	for i := range topics {
		name := topics[i].Name
		if limit := q.limit(name); limit > 0 && q.byTopic[name] == nil {
			all = append(all, TopicQuota{Topic: name, Limit: limit})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Topic < all[j].Topic })
	return all
}
