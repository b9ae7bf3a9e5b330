package commitlog

import "time"

// smallBatch is the buffer a batch keeps while nothing happens.
const smallBatch = 64 << 10

// A batch collects appended bytes for one write.
type batch struct {
	buf    []byte
	pieces []piece
	since  time.Time     // of its first append
	sync   bool          // an append in it is confirmed once it is durable
	within time.Duration // the others are to be durable within this, the least that was asked; 0: there is none
}

// promise notes what was asked of an append.
func (b *batch) promise(within time.Duration) {
	switch {
	case within <= 0:
		b.sync = true
	case b.within == 0 || within < b.within:
		b.within = within
	}
}

// end is where the log goes on behind it.
func (b *batch) end() int64 { return b.pieces[len(b.pieces)-1].next }

// A piece is bytes of a batch that are written together, to one segment.
type piece struct {
	off  int64 // where they go
	n    int   // how many there are
	next int64 // where the log goes on behind them: with a filler, at the next segment
}

// add makes room for n bytes at off and returns it. joins says that off lies
// in the segment that the byte before it lies in.
func (b *batch) add(off int64, n int, joins bool) []byte {
	at := len(b.buf)
	if need := at + n; need > cap(b.buf) {
		grown := make([]byte, at, max((need+smallBatch-1)/smallBatch*smallBatch, min(2*cap(b.buf), defaultBatchBytes))) // a record nearly as long fits the next time
		copy(grown, b.buf)
		b.buf = grown
	}
	b.buf = b.buf[:at+n]
	if last := len(b.pieces) - 1; joins && last >= 0 && b.pieces[last].next == off {
		b.pieces[last].n += n
		b.pieces[last].next += int64(n)
	} else {
		b.pieces = append(b.pieces, piece{off: off, n: n, next: off + int64(n)})
	}
	return b.buf[at : at+n : at+n]
}

// addFiller ends a segment: the filler takes everything from off to end.
func (b *batch) addFiller(off, end int64, joins bool) {
	putFiller(b.add(off, fillerSize, joins), end-off)
	b.pieces[len(b.pieces)-1].next = end
}

// mark and undo take back what was added since.
func (b *batch) mark() (bytes, pieces int, last piece) {
	if n := len(b.pieces); n > 0 {
		last = b.pieces[n-1]
	}
	return len(b.buf), len(b.pieces), last
}

func (b *batch) undo(bytes, pieces int, last piece) {
	b.buf, b.pieces = b.buf[:bytes], b.pieces[:pieces]
	if pieces > 0 {
		b.pieces[pieces-1] = last
	}
}

// reset empties the batch and keeps its buffer.
func (b *batch) reset() {
	b.buf, b.pieces, b.sync, b.within = b.buf[:0], b.pieces[:0], false, 0
}

// large says whether the batch is empty and has a buffer worth giving up.
func (b *batch) large() bool {
	return b != nil && cap(b.buf) > smallBatch && len(b.buf) == 0
}

// shrink gives up a large buffer.
func (b *batch) shrink() {
	if b.large() {
		b.buf = nil
	}
}
