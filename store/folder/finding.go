package folder

// A Kind says what is wrong.
type Kind string

// The kinds.
const (
	BadRecord      Kind = "BAD_RECORD"       // bytes where a record should be are none, or fail a checksum
	TornTail       Kind = "TORN_TAIL"        // the log ends in something that is no whole record
	BadFiller      Kind = "BAD_FILLER"       // the filler at a segment's end says something else than the rest of it
	MissingSegment Kind = "MISSING_SEGMENT"  // a file is missing between two others, or before the first
	ForeignSegment Kind = "FOREIGN_SEGMENT"  // a file holds records of another place
	ForeignFile    Kind = "FOREIGN_FILE"     // a file that has no place among the segments
	WrongSize      Kind = "WRONG_SIZE"       // a segment has another size than the others
	Unreadable     Kind = "UNREADABLE"       // the device gives an error
	LogTooShort    Kind = "LOG_TOO_SHORT"    // it ends before what the index knows to have been on flash
	QueueGap       Kind = "QUEUE_OFFSET_GAP" // a queue offset is missing
	QueueBack      Kind = "QUEUE_OFFSET_BACK"
	IndexDamaged   Kind = "INDEX_DAMAGED" // it cannot be read, in whole or in part
	IndexDiffers   Kind = "INDEX_DIFFERS" // it says something else of a record, or nothing, or too much
)

// A Finding is one thing that is wrong.
type Finding struct {
	Kind      Kind   `json:"kind"`
	File      string `json:"file,omitempty"` // below the store's folder
	PhyOffset int64  `json:"phyOffset"`      // bytes; -1 if it has no place in the log
	Length    int64  `json:"length,omitempty"`
	Topic     string `json:"topic,omitempty"` // of QUEUE_… and INDEX_DIFFERS, with QueueID
	QueueID   int32  `json:"queueId,omitempty"`
	Reason    string `json:"reason"`
}

// nowhere is the PhyOffset of what has no place in the log.
const nowhere = -1
