package commitlog

import (
	"fmt"
	"io"
)

// ReadAt reads written bytes from physical offset off on. Like any io.ReaderAt
// it returns an error if it read fewer than len(p): io.EOF where Written is
// reached or a segment ends, since no record goes beyond that; an error that
// wraps fs.ErrNotExist if off is before Start. It may run at the same time as
// everything else: bytes it returns without an error were the log's when it
// was called.
func (l *Log) ReadAt(p []byte, off int64) (int, error) {
	written := l.written.Load()
	if off >= written {
		return 0, io.EOF
	}
	s := l.find(off)
	if s == nil {
		return 0, errRetired(off, l.start.Load())
	}
	n := int(min(int64(len(p)), s.end-off, written-off))
	f, err := l.acquire(s)
	if err != nil {
		return 0, err
	}
	defer s.release()
	m, err := f.ReadAt(p[:n], off-s.base)
	if m < n {
		return m, fmt.Errorf("commitlog: read %d bytes at offset %d: %w", n, off, unexpected(err))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// unexpected is err, unless it says that a segment ends too early.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
