package store

// A Status says what Get found; its text is RocketMQ's name for it, as pull
// responses carry it.
type Status int

// The outcomes of Get, as in RocketMQ's GetMessageStatus.
const (
	Found               Status = iota // Body holds at least one record
	NoMatchedMessage                  // records were there, none passed the filter
	NoMessageInQueue                  // the queue is empty
	NoMatchedLogicQueue               // the queue does not exist
	OffsetTooSmall                    // below MinOffset
	OffsetOverflowOne                 // exactly MaxOffset: nothing new yet
	OffsetOverflowBadly               // beyond MaxOffset
	MessageWasRemoving                // the record went while it was looked for, or is lost
	OffsetFoundNull                   // the index has a gap there
)

// String returns RocketMQ's name, such as FOUND.
func (s Status) String() string {
	switch s {
	case Found:
		return "FOUND"
	case NoMatchedMessage:
		return "NO_MATCHED_MESSAGE"
	case NoMessageInQueue:
		return "NO_MESSAGE_IN_QUEUE"
	case NoMatchedLogicQueue:
		return "NO_MATCHED_LOGIC_QUEUE"
	case OffsetTooSmall:
		return "OFFSET_TOO_SMALL"
	case OffsetOverflowOne:
		return "OFFSET_OVERFLOW_ONE"
	case OffsetOverflowBadly:
		return "OFFSET_OVERFLOW_BADLY"
	case MessageWasRemoving:
		return "MESSAGE_WAS_REMOVING"
	case OffsetFoundNull:
		return "OFFSET_FOUND_NULL"
	default:
		return "UNKNOWN"
	}
}

// A Result is what Get read. Offsets are queue offsets.
type Result struct {
	Status          Status
	NextBeginOffset int64  // where to go on reading
	MinOffset       int64  // of the first record still there
	MaxOffset       int64  // of the next record to become visible
	Count           int    // records in Body
	Body            []byte // records as stored, back to back; valid until Release

	back   *Store // takes Body back
	around int    // lost records that were passed over
}

// Release gives Body back. It may be called once, and need not be called at all.
func (r *Result) Release() {
	if r.back == nil || r.Body == nil {
		return
	}
	r.back.giveBack(r.Body)
	r.Body, r.back = nil, nil
}

// A Filter picks records by the hash of their tag (Java's String.hashCode; 0
// for a message without a tag). It may accept too much, never too little: the
// client filters again.
type Filter interface{ Match(tagsCode int64) bool }

// An Arrival is one record that consumers may see from now on.
type Arrival struct {
	Topic       string
	QueueID     int32
	QueueOffset int64
	TagsCode    int64
}

// Stats are counters since the store was opened, and how full it is.
type Stats struct {
	PutMessages, PutBytes int64  // stored
	GetMessages, GetBytes int64  // handed to consumers
	GetFound, GetMiss     int64  // calls of Get with and without a record
	MinPhyOffset          int64  // bytes; first byte of the log
	MaxPhyOffset          int64  // bytes; end of what was appended
	DurablePhyOffset      int64  // bytes; end of what is on flash
	VisiblePhyOffset      int64  // bytes; end of what consumers may see
	DiskTotal, DiskFree   int64  // bytes of the file system below the store
	Level                 Level  // of that file system
	StoreBytes            int64  // all that the store has on disk
	Flaws                 int    // parts of the log that are known to be damaged
	Lost, LostMessages    int    // of these, those that cannot be had back, and the messages that were in them
	LedAround             int64  // lost messages that calls of Get have passed over
	ReadOnly              bool   // nothing can be stored
	ReadOnlyWhy           string // for people; "" if it can
	Damaged               bool   // the log is, in the middle
	Flushes               int64  // syncs of the log
}
