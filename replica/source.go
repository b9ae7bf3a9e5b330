package replica

import "os"

// A Source is the log that a master sends. Its methods may be called from any
// goroutine.
type Source interface {
	// Start is the offset of the first byte there is.
	Start() int64
	// Confirmed is the end of what may be sent: with SYNC_FLUSH what is on
	// flash, so that no slave has what its master can lose.
	Confirmed() int64
	// SegmentSize is the size of the log's files in bytes.
	SegmentSize() int64
	// ReadRaw reads bytes of the log from off on, fewer than len(p) at the end
	// of a segment or of what is confirmed. It fails with an error that wraps
	// fs.ErrNotExist where off is before Start.
	ReadRaw(p []byte, off int64) (int, error)
}

// A Lender is a Source whose files the kernel can send by itself, past this
// process's memory.
type Lender interface {
	// Lend opens the file of the segment that holds off, if all of it may be
	// sent and none of it will ever change, not even when it is given back; base
	// is the offset of its first byte. The caller closes it. It is nil where
	// ReadRaw is the way. It fails as ReadRaw does.
	Lend(off int64) (f *os.File, base int64, err error)
}
