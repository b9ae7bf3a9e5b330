package commitlog

import (
	"fmt"
	"time"
)

// A Filler writes what is appended.
type Filler interface {
	// Fill writes all of dst, which will lie at phyOffset and holds anything
	// before. It runs under the log's append lock: what it numbers and notes
	// has the order of the log. It must not call the log.
	Fill(dst []byte, phyOffset int64)
}

// Append reserves n bytes at the log's end, in one piece within one segment,
// and lets f write them. It returns where they lie. They are safe when Confirmed
// says so.
//
// It waits, at most MaxWait, while more is unwritten than one batch or the next
// segment is still being made; not at all if another one has waited that long for
// the same, and it has not come since. Whenever it fails, nothing was reserved and
// f was not called: ErrFailed, ErrReadOnly, ErrClosed, ErrTooLarge, ErrFull, ErrBusy.
func (l *Log) Append(n int, f Filler) (phyOffset int64, err error) {
	return l.AppendWithin(n, l.opts.within(), f)
}

// AppendWithin is Append for bytes that are confirmed when they are written, and
// durable after that time; with 0 they are confirmed when they are durable. What
// was confirmed before others that must be durable first stays so. It needs
// Options.Classes where that is not what SyncFlush says.
func (l *Log) AppendWithin(n int, within time.Duration, f Filler) (phyOffset int64, err error) {
	if n <= 0 || int64(n) > l.opts.SegmentSize-fillerSize {
		return 0, fmt.Errorf("%w: %d bytes, a segment of %d takes 1 to %d", ErrTooLarge, n, l.opts.SegmentSize, l.opts.SegmentSize-fillerSize)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) > 0 || l.room(n) != fits {
		return l.stand(n, within, f)
	}
	return l.place(n, within, f), nil
}

// place appends n bytes, for which there is room. l.mu is held.
func (l *Log) place(n int, within time.Duration, f Filler) (phyOffset int64) {
	l.begin(l.filling)
	end := l.end.Load()
	if end+int64(n)+fillerSize > l.limit {
		if end < l.limit {
			l.filling.addFiller(end, l.limit, l.joins(end))
			end = l.limit
			l.end.Store(end)
		}
		l.limit = end + l.opts.SegmentSize
	}
	l.fill(f, n, end)
	l.filling.promise(within)
	l.advance(end + int64(n))
	return end
}

// joins says whether the byte at off lies in the segment of the one before it.
func (l *Log) joins(off int64) bool { return off%l.opts.SegmentSize != 0 }

// fill lets f write; if it panics, the batch is as it was. l.mu is held.
func (l *Log) fill(f Filler, n int, off int64) {
	b := l.filling
	bytes, pieces, last := b.mark()
	done := false
	defer func() {
		if !done {
			b.undo(bytes, pieces, last)
		}
	}()
	f.Fill(b.add(off, n, l.joins(off)), off)
	done = true
}

// begin notes when the batch got its first bytes.
func (l *Log) begin(b *batch) {
	if len(b.buf) == 0 {
		b.since = time.Now()
	}
}

// advance moves the log's end and calls who has to see to it. l.mu is held.
func (l *Log) advance(end int64) {
	l.end.Store(end)
	if l.asleep || len(l.filling.buf) >= l.opts.BatchBytes {
		poke(l.kicks)
	}
	if l.limit == l.ready && l.limit-end <= l.opts.SegmentSize/4 {
		poke(l.prepare)
	}
}

// fit says whether an append can go on, or what it waits for.
type fit uint8

const (
	fits fit = iota
	refused
	awaitWriter
	awaitSegment
)

// room says whether n bytes can be placed now. l.mu is held.
func (l *Log) room(n int) fit {
	if l.refusal() != nil {
		return refused
	}
	if l.task != nil {
		return awaitWriter
	}
	rest, need := l.limit-l.end.Load(), n
	if int64(n)+fillerSize > rest {
		if 0 < rest && rest < fillerSize {
			return refused
		}
		if l.limit+l.opts.SegmentSize > l.ready {
			return awaitSegment
		}
		need += fillerSize
	}
	if have := len(l.filling.buf); have > 0 && have+need > l.opts.BatchBytes {
		return awaitWriter
	}
	return fits
}

// refusal is why nothing can be appended at all. l.mu is held.
func (l *Log) refusal() error {
	switch l.phase {
	case readOnly:
		return ErrReadOnly
	case opened:
		return fmt.Errorf("%w: Recover comes first", ErrClosed)
	case closed:
		return ErrClosed
	}
	return l.Failed()
}
