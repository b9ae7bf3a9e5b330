package broker

import (
	"context"
	"time"

	"pairmq/daemon/broker/schedule"
	"pairmq/daemon/broker/timer"
	"pairmq/daemon/broker/transaction"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
	"pairmq/store/table"
)

// Store is what a broker needs to remember; *store.Store has it. All methods
// are safe for concurrent use.
type Store interface {
	Messages
	Offsets
	Tables
	Progress
	timer.Store
	Notes
}

// Messages is the part of a Store that keeps messages.
type Messages interface {
	// Put stores ms, which share topic and queue, one after the other, and
	// fills in their offsets, store time and store host. done is called once,
	// from another goroutine, when the flush policy has kept its promise or
	// could not; not at all if Put fails, for then nothing was stored.
	Put(ms []record.Message, done func(error)) error
	// Get reads from queue offset on: at most maxMsgs, about maxBytes; see
	// store.Status for what it may find.
	Get(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter) (store.Result, error)
	// GetWithin asks room for what it will return before it takes memory for that.
	GetWithin(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter, room store.Room) (store.Result, error)
	MinOffset(topic string, queueID int32) int64
	MaxOffset(topic string, queueID int32) int64
	// OffsetByTime returns the first queue offset stored at timestamp (ms) or
	// later; with upper, the last one stored at it or earlier.
	OffsetByTime(topic string, queueID int32, timestamp int64, upper bool) (int64, error)
	// StoreTimestamp returns when a message was stored, in ms; -1 for none.
	StoreTimestamp(topic string, queueID int32, queueOffset int64) (int64, error)
	// RecordAt returns the record at a position in the commit log, or store.ErrNotFound.
	RecordAt(phyOffset int64) ([]byte, error)
	// RecordWithin asks room for it before it takes memory for that.
	RecordWithin(phyOffset int64, room store.Room) ([]byte, error)
	// Query returns the newest records with a key; see store.KeyQuery.
	Query(q store.KeyQuery, room store.Room) ([]byte, error)
	QueriedTo() (timestamp, phyOffset int64) // how far the index goes that Query looks into
	// Units reads entries of a consume queue from queue offset from on, and returns how many.
	Units(topic string, queueID int32, from int64, dst []index.Unit) int
	// Clean gives back what is older than it is to be kept.
	Clean(now time.Time) error
	EarliestStoreTimestamp() int64
	Stats() store.Stats
	Times() *store.Times        // how long it takes
	Quotas() []store.TopicQuota // of topics that have one
}

// Offsets is the part of a Store that keeps consumer offsets.
type Offsets interface {
	CommitOffset(group, topic string, queueID int32, offset int64) // an earlier one is ignored; ResetOffsets goes back
	ResetOffsets([]table.Offset) error                             // backwards too; durable on return
	RewindOffset(table.Offset) error                               // backwards too; on flash within seconds
	Offset(group, topic string, queueID int32) (int64, bool)
	Offsets(group string) []index.GroupOffset
	AllOffsets() map[string][]index.GroupOffset // by group, configured or not
	DeleteOffsets(group string) error
}

// Tables is the part of a Store that keeps topics and subscription groups.
// Changes are durable on return.
type Tables interface {
	Topic(name string) (table.Topic, bool)
	Topics() ([]table.Topic, table.DataVersion)
	PutTopic(table.Topic) error
	DeleteTopic(name string) error
	Deleted() map[string]int64 // by topic, where in the log it was deleted last; also those made again
	Group(name string) (table.Group, bool)
	Groups() ([]table.Group, table.DataVersion)
	PutGroup(table.Group) error
	DeleteGroup(name string) error
}

// Progress is the part of a Store that knows how far delayed messages and transactions are.
type Progress interface {
	schedule.Store
	transaction.Store
	AllProgress() []index.GroupOffset // by topic and queue
}

// Notes is the part of a Store that keeps what groups have popped, and how they are to.
type Notes interface {
	RequestModes() (table.RequestModes, error) // the caller may change it
	SetRequestModes(table.RequestModes) error  // durable on return, in the backup too
	Notes() (map[string][]byte, error)         // by key
	SetNotes(notes map[string][]byte) error    // in one commit, durable on return
}

// RawLog is the commit log as bytes; *store.Store has it.
type RawLog interface {
	Bounds() (start, end int64)                  // of what can be compared
	ReadStored(p []byte, off int64) (int, error) // what the medium has; at least one byte within Bounds
	SegmentSize() int64
}

// Registrar tells the name servers which topics this broker has.
type Registrar interface {
	RegisterNow(ctx context.Context) error // returns once they know, or could not be told
	Notify()                               // has them told soon; does not block
}

// nobody is the registrar of a broker without name servers.
type nobody struct{}

func (nobody) RegisterNow(context.Context) error { return nil }
func (nobody) Notify()                           {}
