package store

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Start is the physical offset of the first byte of the log.
func (s *Store) Start() int64 { return s.clog.Start() }

// Unclean says whether the last stop was none: with ASYNC_FLUSH the log may have
// lost its end.
func (s *Store) Unclean() bool { return s.unclean }

// End is the end of what was appended, in bytes.
func (s *Store) End() int64 { return s.clog.End() }

// SegmentSize is the size of the log's files in bytes.
func (s *Store) SegmentSize() int64 { return s.opts.SegmentSize }

// Confirmed is the end of what the flush policy covers, in bytes: on flash with
// SyncFlush, otherwise written. Slaves may have what lies before it.
func (s *Store) Confirmed() int64 { return s.confirmedEnd.Load() }

// ReadRaw reads bytes of the log as they are, from off on: fewer than len(p) at
// the end of a segment or of what is confirmed. It fails with an error that
// wraps fs.ErrNotExist where off is before Start.
func (s *Store) ReadRaw(p []byte, off int64) (int, error) {
	n := max(0, min(int64(len(p)), s.Confirmed()-off))
	return s.readLog(p[:n], off)
}

// Lend opens the file of the segment that holds off, if all of it is confirmed,
// on flash, and known to be sound, so that its bytes will never change; base is
// the offset of its first byte. The caller closes it. It is nil where ReadRaw is
// the way, and fails as that does.
func (s *Store) Lend(off int64) (f *os.File, base int64, err error) {
	if s.segmentEnd(off) > s.Confirmed() {
		return nil, 0, nil
	}
	return s.clog.Lend(off)
}

// readLog is commitlog's ReadAt; that a segment ends is no error if anything
// was read.
func (s *Store) readLog(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := s.clog.ReadAt(p, off)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Bounds are the first byte of the log and the end of what is on flash and
// confirmed; of a damaged log, the end of the last good record, wherever that lies.
func (s *Store) Bounds() (start, end int64) {
	if s.damaged {
		return s.clog.Start(), s.clog.Stored()
	}
	return s.clog.Start(), min(s.Confirmed(), s.clog.Stored())
}

// Unreadable is the part of a log that recovery found damaged in the middle, in bytes,
// from where it can be read to where its last good record ends; nothing of any other,
// and nothing where the disk is not to be written.
func (s *Store) Unreadable() (from, to int64) {
	from = s.clog.End()
	if !s.mendable {
		return from, from
	}
	return from, max(from, s.clog.Stored())
}

// Mended says whether a good record begins now where Unreadable does: the next Open
// gets at least as far as behind it.
func (s *Store) Mended() bool {
	from, to := s.Unreadable()
	if from == to {
		return false
	}
	v, err := s.judge(&window{read: s.ReadStored, end: to, size: s.opts.SegmentSize}, from)
	return err == nil && v.bad == nil
}

// ReadStored reads what the medium has of the log within Bounds, from off on, good
// or bad: fewer than len(p) where a segment or the log ends. What cannot be read
// is zeros. It fails with ErrNotFound outside Bounds, and with an error that wraps
// fs.ErrNotExist where the log was given back meanwhile.
func (s *Store) ReadStored(p []byte, off int64) (int, error) {
	start, end := s.Bounds()
	if off < start || off >= end {
		return 0, fmt.Errorf("%w: bytes at %d, the log has %d to %d", ErrNotFound, off, start, end)
	}
	n, _, err := s.clog.ReadStored(p[:min(int64(len(p)), end-off)], off)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
