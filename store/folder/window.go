package folder

import (
	"errors"
	"fmt"
	"io"
)

// windowSize is how much is read at once, in bytes; sectorSize where that fails.
const (
	windowSize = 1 << 20
	sectorSize = 4 << 10
)

// bytes returns what s has from off on, at least n bytes unless it ends before; valid
// until the next call. What the device does not give is zeros, and a finding.
func (l *Log) bytes(s *segment, off, n int64) ([]byte, error) {
	rest := l.limitOf(s) - off
	if n = min(n, rest); n <= 0 {
		return nil, nil
	}
	if i := off - l.at; i >= 0 && i+n <= int64(len(l.buf)) && off >= s.base {
		return l.buf[i:min(int64(len(l.buf)), i+rest)], nil
	}
	fill := min(max(n, windowSize), rest)
	if int64(cap(l.buf)) < fill || cap(l.buf) > 2*windowSize && fill <= windowSize { // one giant record must not stay
		l.buf = make([]byte, fill)
	}
	l.buf, l.at = l.buf[:fill], off
	if got, err := l.read(s, l.buf, off); int64(got) < fill {
		if l.end > 0 { // a running broker gave it back, or fails: it reads around bad sectors itself
			l.buf = l.buf[:0]
			return nil, fmt.Errorf("folder: read %d bytes at %d of the log: %w", fill, off, err)
		}
		l.readAround(s, int64(got))
	}
	return l.buf, nil
}

// readAround reads what is left of the window behind its first got bytes, sector by
// sector.
func (l *Log) readAround(s *segment, got int64) {
	for got < int64(len(l.buf)) {
		off := l.at + got
		b := l.buf[got:min(int64(len(l.buf)), got+sectorSize-off%sectorSize)]
		n, err := l.read(s, b, off)
		if n < len(b) {
			clear(b[n:])
			l.unreadable(s, off+int64(n), int64(len(b)-n), err)
		}
		got += int64(len(b))
	}
}

// unreadable notes bytes that the device does not give; neighbours are one finding.
func (l *Log) unreadable(s *segment, off, n int64, err error) {
	if err == nil || errors.Is(err, io.EOF) {
		err = errors.New("the file is shorter than it was")
	}
	if i := len(l.found) - 1; i >= 0 && l.found[i].PhyOffset+l.found[i].Length == off {
		l.found[i].Length += n
		return
	}
	if i := len(l.found) - 1; i >= 0 && l.found[i].PhyOffset <= off && off < l.found[i].PhyOffset+l.found[i].Length {
		return // seen by another window
	}
	l.found = append(l.found, Finding{Kind: Unreadable, File: s.name, PhyOffset: off, Length: n, Reason: err.Error()})
}
