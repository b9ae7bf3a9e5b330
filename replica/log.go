package replica

// A Log is what a slave writes. Offsets are physical, in bytes. One goroutine
// calls it, but Acked may be called by another.
type Log interface {
	// Start is the offset of the first byte there is.
	Start() int64
	// End is the end of what was appended; a record may be cut there.
	End() int64
	// Acked is the end of what the flush policy covers: what may be reported.
	Acked() int64
	// SegmentSize is the size of the log's files in bytes.
	SegmentSize() int64

	// ReadRaw reads bytes of the log from off on, fewer than len(p) at the end
	// of a segment or of the log.
	ReadRaw(p []byte, off int64) (int, error)
	// AppendRaw appends bytes at off, which is End, wherever they are cut. It
	// waits while the disk does not keep up. It appends nothing and fails if
	// what they complete is not a sound record that belongs there. Of what
	// else it fails with, it has appended the part before End.
	AppendRaw(off int64, b []byte) error
	// Sound says how many bytes of b are a sound record, or a filler, that is to
	// lie at off, which need not be in the log: 0 if there are too few to say. It
	// fails if there is none.
	Sound(off int64, b []byte) (int, error)
	// Boundary is the beginning of the record that holds the byte at off, or
	// of the filler; off itself where a record begins.
	Boundary(off int64) (int64, error)
	// Truncate sets everything from end on, which is a Boundary, aside in a
	// file, whose name it returns, and cuts it off.
	Truncate(end int64) (file string, err error)
	// Reset lets an empty log begin at start, a multiple of SegmentSize.
	Reset(start int64) error
}
