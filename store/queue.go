package store

import (
	"strings"
	"sync"

	"pairmq/store/index"
)

// A queue is one consume queue as the writer sees it.
type queue struct {
	topic string // our copy: no request's memory hangs on it
	id    int32
	next  int64 // queue offset of the next record; under queueTable.mu
	count *TopicCount
}

type queueKey struct {
	topic string
	id    int32
}

// A queueTable knows the next offset of every queue that was written to since
// the start.
type queueTable struct {
	mu   sync.Mutex
	byID map[queueKey]*queue
	of   *topicCounts
	end  int64 // bytes; of the newest record that was given an offset
	last int64 // newest store timestamp in milliseconds; it never runs backwards
}

func (t *queueTable) init(of *topicCounts) { t.byID, t.of = map[queueKey]*queue{}, of }

// get finds the queue, or makes it, going on where the index ends. The caller
// holds mu.
func (t *queueTable) get(x *index.Index, topic string, id int32) *queue {
	if q := t.byID[queueKey{topic, id}]; q != nil {
		return q
	}
	q := &queue{topic: strings.Clone(topic), id: id}
	q.count = t.of.topic(q.topic)
	if _, end, ok := x.Bounds(topic, id); ok {
		q.next = end
	}
	t.byID[queueKey{q.topic, id}] = q
	return q
}

// given is the offset that the queue's next message gets, 0 if none was written
// since the start.
func (t *queueTable) given(topic string, id int32) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q := t.byID[queueKey{topic, id}]; q != nil {
		return q.next
	}
	return 0
}

// forget drops the topic's queues, so that the next message in one gets offset
// 0, and returns the end of the log up to which offsets were given before.
func (t *queueTable) forget(topic string) (end int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k := range t.byID {
		if k.topic == topic {
			delete(t.byID, k)
		}
	}
	return t.end
}

// forgetAll drops every queue.
func (t *queueTable) forgetAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.byID)
}

// newest is the newest store timestamp there is, in ms, or 0.
func (t *queueTable) newest() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// stamp is the store timestamp of a record appended at now. The caller holds mu.
func (t *queueTable) stamp(now int64) int64 {
	t.last = max(t.last, now)
	return t.last
}
