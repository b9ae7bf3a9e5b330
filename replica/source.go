package replica

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
