package remoting

import (
	"sync/atomic"
	"time"
)

// Frames that are being received and do not fit minBuffer take their room in steps: of
// what their source may have, so that who begins many and finishes none keeps only himself
// waiting; if they are very large, a turn of their own; of a part of the budget that is for
// large ones, or for others, so that ordinary messages never wait for large ones; and of the
// budget itself.

// smallFrame is the largest buffer that counts as that of an ordinary message, in bytes.
const smallFrame = 128 << 10

// smallPart and largePart are how many of limit bytes in flight frames that need no more
// than smallFrame have together, and how many larger ones.
func smallPart(limit int64) int64 { return limit / 2 }
func largePart(limit int64) int64 { return limit * 5 / 12 }

// framesOf is what one source has of limit bytes in flight for its frames: as much as
// others leave of half of it, which alone comes to a quarter, and a 16th in any case. Large
// ones have half of that beside, or one has it: they would never begin where small ones of
// the same source come all the time.
func framesOf(limit int64, all *atomic.Int64) budget {
	return budget{limit: limit / 16, together: limit / 2, all: all, fits: true}
}

// mostShare is how many of limit bytes in flight one frame takes of what its source has, and
// mostLarge of largePart: one that is as large leaves room to others there.
func mostShare(limit int64) int64 { return limit / 6 }
func mostLarge(limit int64) int64 { return limit / 4 }

// giant is the largest buffer of a frame that needs no turn of its own: it holds a message
// of the size that is allowed if nobody sets another. No frame counts for more: one at a
// time may be larger, and much of it has not come yet mostly.
func giant(limit int64) int64 { return limit * 7 / 16 }

// What a connection takes room of, in the order in which it does: who waits for himself
// comes first.
const (
	ofSourceSmall = iota // what its source has for small frames, bytes
	ofSourceLarge        // for large ones
	ofGiants             // their turn: 1
	ofSmall              // the part for small frames, bytes
	ofLarge              // that for large ones
	inFlight             // all there is
	kinds
)

// A loan is what a connection has of the room for frames: for its buffer, or for the frame
// it grows for. It belongs to the reading goroutine.
type loan [kinds]int64

// loanFor is what a buffer of size bytes takes.
func (s *shared) loanFor(size int) (l loan) {
	limit := s.limits.BytesInFlight
	more := int64(max(0, size-minBuffer))
	l[inFlight] = min(more, giant(limit))
	if share := min(more, mostShare(limit)); size > smallFrame {
		l[ofSourceLarge], l[ofLarge] = share, min(more, mostLarge(limit))
	} else {
		l[ofSourceSmall], l[ofSmall] = share, share
	}
	if int64(size) > giant(limit) {
		l[ofGiants] = 1
	}
	return l
}

// missing is what l needs to be want.
func (l loan) missing(want loan) loan {
	for i, n := range want {
		l[i] = max(0, n-l[i])
	}
	return l
}

// lenders are whom a loan is taken of. None is nil: nothing is counted there.
func (c *Conn) lenders() [kinds]*budget {
	s := c.shared
	all := [kinds]*budget{ofGiants: &s.giants, ofSmall: &s.small, ofLarge: &s.large, inFlight: s.budget}
	if c.from != nil {
		all[ofSourceSmall], all[ofSourceLarge] = &c.from.frames, &c.from.wide
	}
	return all
}

// purpose is what a kind of room is taken for: what large frames have of that which others
// have too is less than all.
func (l *loan) purpose(kind int) purpose {
	if l[ofLarge] > 0 && (kind == ofSourceLarge || kind == inFlight) {
		return forLarge
	}
	return forFrames
}

// borrow sees that c has room for a buffer of size bytes; it waits for at most patience.
// What many who wait have meanwhile, see leisure, leaves enough that some go on.
func (c *Conn) borrow(size int, patience time.Duration) error {
	return c.take(size, func(b *budget, n int64, p purpose) (err error) {
		patience, err = c.takeTurn(b, n, p, patience)
		return err
	})
}

// tryBorrow is borrow that does not wait.
func (c *Conn) tryBorrow(size int) bool {
	return c.take(size, func(b *budget, n int64, p purpose) error {
		if !b.try(n, p) {
			return ErrBusy
		}
		return nil
	}) == nil
}

// take has get take what c needs for a buffer of size bytes: all of it, or nothing.
func (c *Conn) take(size int, get func(*budget, int64, purpose) error) error {
	want := c.shared.loanFor(size)
	more := c.in.loan.missing(want)
	for kind, b := range c.lenders() {
		if b == nil || more[kind] == 0 {
			continue
		}
		if err := get(b, more[kind], want.purpose(kind)); err != nil {
			clear(more[kind:])
			c.give(more)
			return err
		}
	}
	for kind, n := range more {
		c.in.loan[kind] += n
	}
	return nil
}

// payBack gives back what is beyond a buffer of size bytes.
func (c *Conn) payBack(size int) {
	want := c.shared.loanFor(size)
	spare := want.missing(c.in.loan)
	for kind, n := range spare {
		c.in.loan[kind] -= n
	}
	c.give(spare)
}

// give gives l back.
func (c *Conn) give(l loan) {
	for kind, b := range c.lenders() {
		if b != nil && l[kind] > 0 {
			b.give(l[kind])
		}
	}
}

// leisure says whether n bytes more may be had for what is convenient: to read many frames
// at once, or to keep a buffer for the next. A connection may wait with such a buffer in
// hand for a larger one, so all of these together must leave enough for some.
func (c *Conn) leisure(n int64) bool {
	if b := c.shared.budget; b.used.Load()+n > b.limit*3/8 {
		return false
	}
	return c.from == nil || c.from.frames.used.Load()+n <= min(c.from.frames.limit/2, c.from.frames.most()/4)
}
