package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"pairmq/store/commitlog"
)

// A window is the part of a log that is looked at. One is for one goroutine.
type window struct {
	read func(p []byte, off int64) (int, error) // at least one byte, or an error
	end  int64                                  // of the log
	size int64                                  // of its segments
	buf  []byte
	at   int64 // offset of buf[0]
}

// windowPiece is how much is read at once, in bytes.
const windowPiece = 256 << 10

// bytes returns n bytes from off on, fewer where the segment or the log ends; valid
// until the next call.
func (w *window) bytes(off, n int64) ([]byte, error) {
	b, err := w.atLeast(off, n)
	return b[:min(n, int64(len(b)))], err
}

// atLeast is bytes, with what is at hand besides.
func (w *window) atLeast(off, n int64) ([]byte, error) {
	rest := min(off-off%w.size+w.size, w.end) - off
	if n = min(n, rest); n <= 0 {
		return nil, nil
	}
	if i := off - w.at; i >= 0 && i+n <= int64(len(w.buf)) {
		return w.buf[i:], nil
	}
	fill := min(max(n, windowPiece), rest)
	if int64(cap(w.buf)) < fill {
		w.buf = make([]byte, fill)
	}
	w.buf, w.at = w.buf[:fill], off
	for got := int64(0); got < fill; {
		k, err := w.read(w.buf[got:], off+got)
		if err != nil {
			w.forget()
			return nil, err
		}
		got += int64(k)
	}
	return w.buf, nil
}

// forget has everything read anew.
func (w *window) forget() { w.buf = w.buf[:0] }

// A verdict is what lies at an offset of a log.
type verdict struct {
	size   int64 // bytes of the record; of a filler, up to the segment's end
	filler bool
	bad    error // why it is neither
}

// judge says what lies at off, by recovery's rules.
func (s *Store) judge(w *window, off int64) (verdict, error) {
	rest := s.segmentEnd(off) - off
	for want := int64(4 << 10); ; {
		b, err := w.bytes(off, want)
		if err != nil {
			return verdict{}, err
		}
		size, err := s.check(b, off)
		switch {
		case err == nil && int64(size)+fillerSize > rest:
			return verdict{bad: fmt.Errorf("store: a record of %d bytes at %d, %d bytes before the end of its segment", size, off, rest)}, nil
		case err == nil:
			return verdict{size: int64(size)}, nil
		case errors.Is(err, commitlog.ErrBlank):
			if n := int64(binary.BigEndian.Uint32(b)); n != rest {
				return verdict{bad: fmt.Errorf("store: a filler of %d bytes at %d, %d bytes before the end of its segment", n, off, rest)}, nil
			}
			return verdict{size: rest, filler: true}, nil
		case !errors.Is(err, commitlog.ErrShort) || int64(len(b)) < want:
			return verdict{bad: err}, nil
		}
		want = max(want+1, int64(binary.BigEndian.Uint32(b)))
	}
}

// fillerSize is how much of a filler is written, in bytes.
const fillerSize = 8

// Where candidates for records are found: the magic code of all versions, and the
// offset that a record says it has.
const (
	magicAt    = 4
	magic      = "\xda\xa3\x20"
	phyAt      = 28
	headerSize = 36 // up to and with that offset
)

// nextGood finds the first good record that begins at from or behind, before to,
// in the segment of from.
func (s *Store) nextGood(w *window, from, to int64) (off int64, ok bool, err error) {
	to = min(to, s.segmentEnd(from))
	for from < to {
		b, err := w.atLeast(from, headerSize)
		if err != nil || len(b) < headerSize {
			return to, false, err
		}
		i := bytes.Index(b[magicAt:], []byte(magic))
		if i < 0 {
			from += int64(len(b) - magicAt - len(magic) + 1)
			continue
		}
		from += int64(i)
		if b = b[i:]; len(b) < headerSize {
			continue // look again, with what follows
		}
		if from < to && int64(binary.BigEndian.Uint64(b[phyAt:])) == from {
			if v, err := s.judge(w, from); err != nil || v.bad == nil {
				return from, err == nil, err
			}
		}
		from++
	}
	return to, false, nil
}

// boundary is where the record, filler or damage begins that holds the byte at off.
// It looks for a good record further and further before it, and walks from there.
func (s *Store) boundary(w *window, off int64) (int64, error) {
	base := off - off%s.opts.SegmentSize
	for back := int64(windowPiece); ; back *= 4 {
		from, ok := max(base, off-back), true
		if from > base {
			var err error
			if from, ok, err = s.nextGood(w, from, off+1); err != nil {
				return 0, err
			}
		}
		if ok {
			return s.walkTo(w, from, off)
		}
	}
}

// walkTo is boundary for a walk that begins at at.
func (s *Store) walkTo(w *window, at, off int64) (int64, error) {
	for {
		v, err := s.judge(w, at)
		if err != nil {
			return 0, err
		}
		next, ok := at+v.size, true
		if v.bad != nil {
			if next, ok, err = s.nextGood(w, at+1, off+1); err != nil {
				return 0, err
			}
		}
		if !ok || next > off {
			return at, nil
		}
		at = next
	}
}
