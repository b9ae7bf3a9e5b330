package commitlog

import "fmt"

// AppendRaw appends bytes of another log as they are, fillers included: a
// slave's log is its master's. They may begin and end inside a record and span
// segments. phyOffset must be End, else it fails with ErrOffsetGap.
//
// It waits as Append does, for each part, and returns how many bytes it
// appended; if they are fewer than data has, err says why.
func (l *Log) AppendRaw(phyOffset int64, data []byte) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n < len(data) {
		if end := l.end.Load(); end != phyOffset+int64(n) {
			return n, fmt.Errorf("%w: got %d, end %d", ErrOffsetGap, phyOffset+int64(n), end)
		}
		k, r := l.rawRoom(len(data) - n)
		if len(l.line) > 0 || r != fits {
			if _, err := l.stand(1, 0, nil); err != nil {
				return n, err
			}
			if k, r = l.rawRoom(len(data) - n); r != fits {
				continue
			}
		}
		end := l.end.Load()
		if end == l.limit {
			l.limit += l.opts.SegmentSize
		}
		l.begin(l.filling)
		copy(l.filling.add(end, k, l.joins(end)), data[n:])
		l.filling.promise(l.opts.within())
		n += k
		l.advance(end + int64(k))
	}
	return n, nil
}

// rawRoom says how many of n bytes can be placed now, or what to wait for. l.mu
// is held.
func (l *Log) rawRoom(n int) (int, fit) {
	if l.refusal() != nil {
		return 0, refused
	}
	space := l.opts.BatchBytes - len(l.filling.buf)
	if l.task != nil || space <= 0 {
		return 0, awaitWriter
	}
	rest := l.limit - l.end.Load()
	if rest == 0 {
		if l.limit+l.opts.SegmentSize > l.ready {
			return 0, awaitSegment
		}
		rest = l.opts.SegmentSize
	}
	return int(min(int64(n), int64(space), rest)), fits
}
