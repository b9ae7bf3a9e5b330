package store

import (
	"sync/atomic"

	"pairmq/store/index"
	"pairmq/store/table"
)

// Versions count the changes of the tables since the store was opened, also those
// that changed nothing after all, and of consumer offsets.
type Versions struct{ Topics, Groups, Offsets int64 }

// Versions returns the counts so far; see Options.TablesChanged.
func (s *Store) Versions() Versions {
	return Versions{s.versions.topics.Load(), s.versions.groups.Load(), s.versions.offsets.Load()}
}

// changed counts a change, once it can be seen.
func (s *Store) changed(count *atomic.Int64) {
	count.Add(1)
	if s.opts.TablesChanged != nil {
		s.opts.TablesChanged()
	}
}

// Topic returns one topic's configuration.
func (s *Store) Topic(name string) (table.Topic, bool) { return s.index.Topic(name) }

// Topics returns every topic and the version of the table.
func (s *Store) Topics() ([]table.Topic, table.DataVersion) { return s.index.Topics() }

// PutTopic adds or replaces a topic; it is durable on return. On a Critical file
// system it adds none and fails with ErrDiskFull.
func (s *Store) PutTopic(t table.Topic) error {
	if _, known := s.index.Topic(t.Name); !known {
		if err := s.roomFor(Critical); err != nil {
			return err
		}
	}
	defer s.changed(&s.versions.topics)
	return s.index.PutTopic(t)
}

// PutTopics adds or replaces topics, all in one commit; durable on return. What
// does not differ is not written.
func (s *Store) PutTopics(all []table.Topic) error {
	defer s.changed(&s.versions.topics)
	return s.index.PutTopics(all)
}

// DeleteTopic forgets a topic, its consume queues and their offsets; durable on
// return. A topic made anew under the name begins at queue offset 0.
func (s *Store) DeleteTopic(name string) error {
	if err := s.notBehind(); err != nil {
		return err
	}
	defer s.changed(&s.versions.topics)
	s.topics.forget(name) // before: the next queue of that name is another topic's
	if err := s.index.DeleteTopic(name, max(s.queues.forget(name), s.visible.Load())); err != nil {
		return err
	}
	return s.recountTopic(name)
}

// DeleteTopicBelow deletes what a topic had before phyOffset, as DeleteTopic did
// in the store of whose log this one's is a copy; see Deleted. What it has behind
// stays, and so do its settings, unless settings says that they go. It says whether
// there was anything to do. Durable on return.
func (s *Store) DeleteTopicBelow(name string, phyOffset int64, settings bool) (bool, error) {
	if err := s.notBehind(); err != nil {
		return false, err
	}
	s.releasing.Lock() // nothing is indexed meanwhile
	defer s.releasing.Unlock()
	done, err := s.index.DeleteTopicBelow(name, phyOffset, settings)
	if done {
		if settings {
			s.topics.forget(name)
		}
		s.queues.forget(name)
		s.changed(&s.versions.topics)
	}
	return done, err
}

// Deleted returns the topics that were deleted, also those made again since, by
// the end of the log at that time, as long as it has something from before.
func (s *Store) Deleted() map[string]int64 { return s.index.Deleted() }

// Group returns one subscription group's configuration.
func (s *Store) Group(name string) (table.Group, bool) { return s.index.Group(name) }

// Groups returns every subscription group and the version of the table.
func (s *Store) Groups() ([]table.Group, table.DataVersion) { return s.index.Groups() }

// PutGroup adds or replaces a subscription group; it is durable on return. On a
// Critical file system it adds none and fails with ErrDiskFull.
func (s *Store) PutGroup(g table.Group) error {
	if _, known := s.index.Group(g.Name); !known {
		if err := s.roomFor(Critical); err != nil {
			return err
		}
	}
	defer s.changed(&s.versions.groups)
	return s.index.PutGroup(g)
}

// PutGroups adds or replaces subscription groups, all in one commit; durable on
// return. What does not differ is not written.
func (s *Store) PutGroups(all []table.Group) error {
	defer s.changed(&s.versions.groups)
	return s.index.PutGroups(all)
}

// DeleteGroup forgets a subscription group; it is durable on return. Its
// consumer offsets stay: see DeleteOffsets.
func (s *Store) DeleteGroup(name string) error {
	defer s.changed(&s.versions.groups)
	return s.index.DeleteGroup(name)
}

// CommitOffset notes where the group goes on in a queue. It is in memory on
// return and on flash within some seconds: after a power cut a consumer may see
// messages again, never miss one.
func (s *Store) CommitOffset(group, topic string, queueID int32, offset int64) {
	if s.index.CommitOffset(group, topic, queueID, offset) { // most consumers commit every 5 s whatever they have
		s.changed(&s.versions.offsets)
	}
}

// Offset returns the queue offset at which the group goes on.
func (s *Store) Offset(group, topic string, queueID int32) (int64, bool) {
	return s.index.Offset(group, topic, queueID)
}

// Offsets returns every consumer offset of the group.
func (s *Store) Offsets(group string) []index.GroupOffset { return s.index.Offsets(group) }

// AllOffsets returns every consumer offset by group, also of groups that are not
// configured any more.
func (s *Store) AllOffsets() map[string][]index.GroupOffset {
	all := s.index.AllOffsets()
	delete(all, progressGroup)
	return all
}

// ResetOffsets sets where groups go on, backwards too; durable on return. Copies
// of this store give way to that; the versions in all are not looked at.
func (s *Store) ResetOffsets(all []table.Offset) error {
	defer s.changed(&s.versions.offsets)
	return s.index.ResetOffsets(all)
}

// RewindOffset is ResetOffsets of one as CommitOffset notes it: on flash within some seconds.
func (s *Store) RewindOffset(o table.Offset) error {
	defer s.changed(&s.versions.offsets)
	return s.index.RewindOffset(o)
}

// MergeOffsets takes over offsets of the store that this one is a copy of: those
// that were reset there since, backwards too, and those that are later than here.
// Resets are durable on return.
func (s *Store) MergeOffsets(all []table.Offset) error {
	changed, err := s.index.MergeOffsets(all)
	if changed {
		s.changed(&s.versions.offsets)
	}
	return err
}

// DeleteOffsets forgets the group's consumer offsets; durable on return.
func (s *Store) DeleteOffsets(group string) error { return s.index.DeleteOffsets(group) }
