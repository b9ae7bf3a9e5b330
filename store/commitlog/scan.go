package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
)

// Answers of a Checker beside nil; they may be wrapped.
var (
	// ErrShort: a record may begin here, but b ends before it does.
	ErrShort = errors.New("commitlog: the record goes on behind the bytes")
	// ErrBlank: a filler begins here.
	ErrBlank = errors.New("commitlog: a filler, no record")
)

// A Checker judges whether a whole, undamaged record begins at the front of b,
// which lies at phyOffset: size is how many bytes it has. It must compare the
// physical offset that the record states with phyOffset, and should do so
// before it sums anything up: segments are used again and still hold old records.
// It should refuse a size beyond its limits rather than answer ErrShort. Any
// other error says that no record begins here.
type Checker func(b []byte, phyOffset int64) (size int, err error)

// Where a record has its magic code, and what all versions of it begin with:
// the candidates that recovery looks at behind a damaged place.
const (
	magicAt = 4
	magic   = "\xda\xa3\x20"
)

// chunk is how much a scan reads at once.
const chunk = 256 << 10

// A scanner reads records from segments, in ascending order.
type scanner struct {
	l     *Log
	check Checker
	seg   *segment // that buf lies in
	buf   []byte
	at    int64  // offset of buf[0]
	short error  // why buf ends before it should
	fatal error  // why nothing can be said of the log
	ahead *ahead // whom it reads for, if others visit what it has read
}

// kind says what lies at an offset.
type kind uint8

const (
	nothing kind = iota
	aRecord
	aFiller
)

// look judges what lies at off, and returns the record. An error says why it is
// nothing.
func (s *scanner) look(off int64) ([]byte, kind, error) {
	for want := int64(fillerSize); ; {
		b, err := s.bytes(off, want)
		if err != nil {
			return nil, nothing, err
		}
		size, err := s.check(b, off)
		switch {
		case err == nil && 0 < size && size <= len(b) && off+int64(size)+fillerSize <= s.seg.end:
			return b[:size], aRecord, nil
		case err == nil:
			return nil, nothing, fmt.Errorf("commitlog: a record of %d bytes has no place %d bytes before the end of its segment", size, s.seg.end-off)
		case errors.Is(err, ErrBlank):
			if isFiller(b, s.seg.end-off) {
				return nil, aFiller, nil
			}
			return nil, nothing, fmt.Errorf("commitlog: a filler of another size than %d: %w", s.seg.end-off, err)
		case errors.Is(err, ErrShort) && off+int64(len(b)) < s.seg.end:
			if s.short != nil {
				return nil, nothing, s.short
			}
			want = 2 * int64(len(b))
		default:
			return nil, nothing, err
		}
	}
}

// bytes returns what lies at off: at least n bytes, if the segment has them and
// they can be read.
func (s *scanner) bytes(off, n int64) ([]byte, error) {
	if s.seg == nil || off < s.seg.base || off >= s.seg.end {
		if s.fatal = s.enter(off); s.fatal != nil {
			return nil, s.fatal
		}
	}
	n = min(n, s.seg.end-off)
	if i := off - s.at; i >= 0 && i+n <= int64(len(s.buf)) {
		return s.buf[i:], nil
	}
	n = min(max(n, chunk), s.seg.end-off)
	if s.fatal = s.room(n); s.fatal != nil {
		return nil, s.fatal
	}
	f, err := s.l.acquire(s.seg)
	if err != nil {
		s.fatal = err
		return nil, err
	}
	defer s.seg.release()
	got, err := f.ReadAt(s.buf[:n], off-s.seg.base)
	s.buf, s.at, s.short = s.buf[:got], off, nil
	if int64(got) < n {
		s.short = fmt.Errorf("%w: %d bytes at offset %d: %w", errUnreadable, n, off, unexpected(err))
		if got == 0 {
			return nil, s.short
		}
	}
	return s.buf, nil
}

// room makes buf one for n bytes; what it has is not needed any more.
func (s *scanner) room(n int64) error {
	if s.ahead != nil {
		return s.ahead.room(n)
	}
	if int64(cap(s.buf)) < n {
		s.buf = make([]byte, n)
	}
	return nil
}

// enter moves to the segment of off. What another process wrote last may be in
// the cache alone: either it is not on the medium yet, or, after a failed sync,
// never will be. So what is dirty is written and what is clean is forgotten.
func (s *scanner) enter(off int64) error {
	if s.ahead != nil {
		if err := s.ahead.settle(); err != nil {
			return err
		}
	}
	s.seg, s.buf = s.l.find(off), s.buf[:0]
	if s.seg == nil {
		return fmt.Errorf("commitlog: no segment for offset %d: %w", off, fs.ErrNotExist)
	}
	f, err := s.l.acquire(s.seg)
	if err != nil {
		return err
	}
	defer s.seg.release()
	if err := f.Datasync(); err != nil {
		return fmt.Errorf("commitlog: sync segment %d before reading it: %w", s.seg.base, err)
	}
	if err := f.DropCache(0, 0); err != nil {
		return fmt.Errorf("commitlog: read segment %d anew: %w", s.seg.base, err)
	}
	return nil
}

// errUnreadable says that the medium does not give bytes that it should have.
var errUnreadable = errors.New("commitlog: cannot be read")

// search finds records from off on to the end of its segment and calls found
// for each, until that returns false. Where it cannot read it goes on further
// behind.
func (s *scanner) search(off int64, found func(off, end int64) bool) error {
	end := s.l.find(off).end
	for off+fillerSize <= end {
		b, err := s.bytes(off, fillerSize)
		if s.fatal != nil {
			return s.fatal
		}
		if err != nil || len(b) < fillerSize {
			off += int64(len(b)) + chunk
			continue
		}
		i := bytes.Index(b[magicAt:], []byte(magic))
		if i < 0 {
			off += int64(len(b) - magicAt - len(magic) + 1)
			continue
		}
		off += int64(i)
		rec, k, _ := s.look(off)
		if k != aRecord {
			off++
			continue
		}
		if !found(off, off+int64(len(rec))) {
			return nil
		}
		off += int64(len(rec))
	}
	return nil
}
