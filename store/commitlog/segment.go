package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"pairmq/hal/disk"
)

// A segment is one file of the log.
type segment struct {
	base, end int64 // physical offsets: of its first byte, and behind its last
	name      string

	read, bad atomic.Bool // see Sound
	lent      atomic.Bool // the kernel may be sending it: never to be overwritten; set while mu is held for reading

	// mu is held for reading while file is used, for writing while it is
	// opened or closed. So a segment that is retired has no reader left, and
	// its file can become another segment.
	mu   sync.RWMutex
	file disk.File // nil: not open
	gone bool      // retired
}

// digits is the length of a segment's name.
const digits = 20

func segmentName(base int64) string { return fmt.Sprintf("%0*d", digits, base) }

// parseName is the inverse of segmentName; it accepts nothing else.
func parseName(name string) (base int64, ok bool) {
	if len(name) != digits || name[0] < '0' || name[0] > '9' {
		return 0, false
	}
	base, err := strconv.ParseInt(name, 10, 64)
	return base, err == nil
}

// errRetired says that an offset lies before the log's start.
func errRetired(off, start int64) error {
	return fmt.Errorf("commitlog: offset %d is before the start %d: %w", off, start, fs.ErrNotExist)
}

// acquire returns the open file of s, which stays open until release.
func (l *Log) acquire(s *segment) (disk.File, error) {
	for {
		s.mu.RLock()
		if s.gone {
			s.mu.RUnlock()
			return nil, errRetired(s.base, l.start.Load())
		}
		if s.file != nil {
			return s.file, nil
		}
		s.mu.RUnlock()
		if err := l.open(s); err != nil {
			return nil, err
		}
	}
}

func (s *segment) release() { s.mu.RUnlock() }

// open opens the file of s, unless that happened meanwhile, and closes another
// one if too many are open.
func (l *Log) open(s *segment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || s.file != nil {
		return nil
	}
	f, err := l.opts.FS.Open(s.name)
	if err != nil {
		return fmt.Errorf("commitlog: open segment %d: %w", s.base, err)
	}
	s.file = f
	return l.handles.add(s, l.opts.OpenFiles)
}

// retire waits for readers, closes the file and lets nobody open it again.
func (s *segment) retire() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	return s.close()
}

// close closes the file, if it is open. s.mu is held.
func (s *segment) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	if err != nil {
		return fmt.Errorf("commitlog: close segment %d: %w", s.base, err)
	}
	return nil
}

// handles are the segments with an open file, the longest open first, and some
// that were closed since.
type handles struct {
	mu   sync.Mutex
	open []*segment
}

// add enters s, whose lock the caller holds, and closes the oldest if there are
// more than limit. Those in use stay open: then there are more for a while.
func (h *handles) add(s *segment, limit int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = slices.DeleteFunc(h.open, func(old *segment) bool {
		if old == s || !old.mu.TryLock() {
			return old == s
		}
		defer old.mu.Unlock()
		return old.file == nil
	})
	var errs []error
	over := len(h.open) + 1 - limit
	h.open = slices.DeleteFunc(h.open, func(old *segment) bool {
		if over <= 0 || !old.mu.TryLock() {
			return false
		}
		defer old.mu.Unlock()
		over--
		errs = append(errs, old.close())
		return true
	})
	h.open = append(h.open, s)
	return errors.Join(errs...)
}
