package replica

import "pairmq/store/table"

// Metadata is what a slave keeps of its master besides the log: the tables that
// are in no record. Its methods may be called from any goroutine.
type Metadata interface {
	Topics() ([]table.Topic, table.DataVersion)
	// PutTopics adds or replaces topics in one commit; durable on return.
	PutTopics([]table.Topic) error
	// DeleteTopic forgets a topic, its queues and their offsets.
	DeleteTopic(name string) error
	// DeleteTopicBelow forgets what a topic has in the log before phyOffset and its
	// offsets, and with settings the topic. It says whether there was anything to do:
	// once for each phyOffset.
	DeleteTopicBelow(name string, phyOffset int64, settings bool) (bool, error)

	Groups() ([]table.Group, table.DataVersion)
	// PutGroups adds or replaces subscription groups in one commit.
	PutGroups([]table.Group) error
	// DeleteGroup forgets a subscription group, not what it committed.
	DeleteGroup(name string) error

	// RequestModes returns how groups consume topics; the caller may change it.
	RequestModes() (table.RequestModes, error)
	// SetRequestModes makes all of them; durable on return.
	SetRequestModes(table.RequestModes) error

	// CommitProgress notes the offset from which on a queue has to be worked off; an
	// earlier one is ignored.
	CommitProgress(topic string, queueID int32, offset int64)
	Durable() int64 // bytes; end of what the log has on flash

	// MergeOffsets takes over those consumer offsets that have a greater version
	// than here, backwards too, and those that are later. The former are durable on
	// return.
	MergeOffsets([]table.Offset) error
}
