package table

// An Offset is where a group goes on in one queue.
type Offset struct {
	Group, Topic string
	QueueID      int32
	Offset       int64  // queue offset
	Version      uint32 // grows with each reset: of two copies the greater one counts, of equals the later offset
}
