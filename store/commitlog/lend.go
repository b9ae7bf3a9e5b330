package commitlog

import (
	"fmt"
	"os"

	"pairmq/hal/disk"
)

// Lend opens the file of the segment that holds off for reading, if nothing in
// it will ever change: it is full, durable, and known to be Sound. base is the
// offset of its first byte. The caller closes the file. It is nil where the bytes
// have to be read with ReadAt: in other segments, and on a file system that lends
// nothing. It fails with an error that wraps fs.ErrNotExist if off is before Start.
//
// The bytes of the file stay what they are for as long as anybody has them, be
// it in a socket after the file was closed: the kernel sends from the pages
// themselves. So a segment that was lent once is removed when it is retired,
// and never used again. Its space is free when the file is closed.
func (l *Log) Lend(off int64) (f *os.File, base int64, err error) {
	lender, ok := l.opts.FS.(disk.Lender)
	s := l.find(off)
	switch {
	case s == nil && off < l.start.Load():
		return nil, 0, errRetired(off, l.start.Load())
	case s == nil || !ok || !l.sealed(s):
		return nil, 0, nil
	}
	s.mu.RLock() // as a reader: behind who would write, all readers wait for a Patch that syncs
	defer s.mu.RUnlock()
	if s.gone {
		return nil, 0, errRetired(off, l.start.Load())
	}
	if !l.sealed(s) { // Truncate lowers Durable first and replaces the file then
		return nil, 0, nil
	}
	if f, err = lender.Lend(s.name); err != nil {
		return nil, 0, fmt.Errorf("commitlog: lend segment %d: %w", s.base, err)
	}
	s.lent.Store(true)
	return f, s.base, nil
}

// sealed says whether all of s is durable, and known to be sound.
func (l *Log) sealed(s *segment) bool { return l.known(s) && s.end <= l.durable.Load() }
