package store

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// A TopicCount counts what goes into a topic and out of it.
type TopicCount struct {
	Puts, PutBytes atomic.Int64
	Gets, GetBytes atomic.Int64
}

func (c *TopicCount) put(messages, bytes int) {
	c.Puts.Add(int64(messages))
	c.PutBytes.Add(int64(bytes))
}

func (c *TopicCount) get(messages, bytes int) {
	c.Gets.Add(int64(messages))
	c.GetBytes.Add(int64(bytes))
}

// topicCounts counts topics: those that come first each by itself, until there are
// as many as allowed, the others together. Where a topic is counted does not change
// until it is deleted, so that no count ever falls.
type topicCounts struct {
	limit int
	mu    sync.Mutex // one who changes all
	all   atomic.Pointer[map[string]*TopicCount]
	rest  TopicCount
}

func (t *topicCounts) init(limit int) {
	t.limit = limit
	t.all.Store(&map[string]*TopicCount{})
}

// topic returns where a topic is counted. It takes a lock for a new one alone.
func (t *topicCounts) topic(name string) *TopicCount {
	all := *t.all.Load()
	if c := all[name]; c != nil {
		return c
	}
	if len(all) >= t.limit {
		return &t.rest
	}
	return t.add(name)
}

func (t *topicCounts) add(name string) *TopicCount {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := *t.all.Load()
	if c := all[name]; c != nil {
		return c
	}
	if len(all) >= t.limit {
		return &t.rest
	}
	more, c := maps.Clone(all), new(TopicCount)
	more[strings.Clone(name)] = c
	t.all.Store(&more)
	return c
}

// forget makes room for another one.
func (t *topicCounts) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := *t.all.Load()
	if all[name] != nil {
		less := maps.Clone(all)
		delete(less, name)
		t.all.Store(&less)
	}
}

// CountedTopics returns what was counted since Open, by topic, and of all topics
// that have no count of their own. See Options.CountTopics.
func (s *Store) CountedTopics() (all map[string]*TopicCount, rest *TopicCount) {
	return *s.topics.all.Load(), &s.topics.rest
}
