package replica_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"pairmq/store/table"
)

// memMetadata is metadata in memory, by the rules of package store. It counts
// what a store would write.
type memMetadata struct {
	mu       sync.Mutex
	topics   map[string]table.Topic
	groups   map[string]table.Group
	offsets  map[string]table.Offset // "topic@group/queueId"
	deleted  map[string]int64
	progress map[string]int64 // "topic/queueId"
	modes    table.RequestModes
	durable  int64
	writes   int
	err      error // of every write
}

func newMemMetadata() *memMetadata {
	return &memMetadata{topics: map[string]table.Topic{}, groups: map[string]table.Group{}, offsets: map[string]table.Offset{}, deleted: map[string]int64{}}
}

func (m *memMetadata) write(f func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.writes++
		f()
	}
	return m.err
}

func (m *memMetadata) Topics() ([]table.Topic, table.DataVersion) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.topics)), table.DataVersion{}
}

func (m *memMetadata) PutTopics(all []table.Topic) error {
	return m.write(func() {
		for _, t := range all {
			m.topics[t.Name] = t
		}
	})
}

func (m *memMetadata) DeleteTopic(name string) error {
	return m.write(func() { delete(m.topics, name) })
}

func (m *memMetadata) DeleteTopicBelow(name string, phyOffset int64, settings bool) (bool, error) {
	m.mu.Lock()
	done := phyOffset > m.deleted[name]
	m.mu.Unlock()
	if !done && !settings {
		return false, nil
	}
	return true, m.write(func() {
		m.deleted[name] = phyOffset
		if settings {
			delete(m.topics, name)
		}
		for key := range m.offsets {
			if strings.HasPrefix(key, name+"@") {
				delete(m.offsets, key)
			}
		}
	})
}

func (m *memMetadata) Groups() ([]table.Group, table.DataVersion) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.groups)), table.DataVersion{}
}

func (m *memMetadata) PutGroups(all []table.Group) error {
	return m.write(func() {
		for _, g := range all {
			m.groups[g.Name] = g
		}
	})
}

func (m *memMetadata) DeleteGroup(name string) error {
	return m.write(func() { delete(m.groups, name) })
}

func (m *memMetadata) Offset(group, topic string, queueID int32) (int64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.offsets[fmt.Sprintf("%s@%s/%d", topic, group, queueID)]
	return o.Offset, ok
}

func (m *memMetadata) CommitOffset(group, topic string, queueID int32, offset int64) {
	_ = m.MergeOffsets([]table.Offset{{Group: group, Topic: topic, QueueID: queueID, Offset: offset}})
}

func (m *memMetadata) MergeOffsets(all []table.Offset) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range all {
		if m.err != nil {
			return m.err
		}
		key := fmt.Sprintf("%s@%s/%d", o.Topic, o.Group, o.QueueID)
		if have, ok := m.offsets[key]; !ok || o.Version > have.Version || o.Offset > have.Offset {
			m.writes++
			o.Version = max(o.Version, have.Version)
			m.offsets[key] = o
		}
	}
	return nil
}

func (m *memMetadata) RequestModes() (table.RequestModes, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := table.RequestModes{}
	for _, groups := range m.modes {
		for _, mode := range groups {
			all.Set(mode)
		}
	}
	return all, nil
}

func (m *memMetadata) SetRequestModes(all table.RequestModes) error {
	return m.write(func() { m.modes = all })
}

func (m *memMetadata) CommitProgress(topic string, queueID int32, offset int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.progress == nil {
		m.progress = map[string]int64{}
	}
	key := fmt.Sprintf("%s/%d", topic, queueID)
	m.progress[key] = max(m.progress[key], offset)
}

func (m *memMetadata) Durable() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.durable
}

// hasProgress returns what CommitProgress noted, by topic and queue.
func (m *memMetadata) hasProgress() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.progress)
}

// setDurable is as if the log had so many bytes.
func (m *memMetadata) setDurable(end int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.durable = end
}

func (m *memMetadata) counts() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprintf("%d topics %d groups %d offsets %d writes", len(m.topics), len(m.groups), len(m.offsets), m.writes)
}
