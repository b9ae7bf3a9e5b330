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

// A loan is what a connection has of the room for frames: for its buffer, or for the frame
// it grows for. It belongs to the reading goroutine.
type loan struct {
	bytes int64 // in flight
	share int64 // of its source's for small frames
	wide  int64 // of its source's for large ones
	small int64 // of the part for small frames
	large int64 // of that for large ones
	giant int64 // 1: it has the turn
}

// loanFor is what a buffer of size bytes takes.
func (s *shared) loanFor(size int) loan {
	limit := s.limits.BytesInFlight
	more := int64(max(0, size-minBuffer))
	l := loan{bytes: min(more, giant(limit))}
	if share := min(more, mostShare(limit)); size > smallFrame {
		l.wide, l.large = share, min(more, mostLarge(limit))
	} else {
		l.share, l.small = share, share
	}
	if int64(size) > giant(limit) {
		l.giant = 1
	}
	return l
}

// A step is n bytes that are taken of b.
type step struct {
	b *budget
	n int64
}

// steps is how l is taken and given back. Who waits for himself comes first.
func (c *Conn) steps(l loan) [6]step {
	s := c.shared
	all := [...]step{{nil, l.share}, {nil, l.wide}, {&s.giants, l.giant}, {&s.small, l.small}, {&s.large, l.large}, {s.budget, l.bytes}}
	if c.from != nil {
		all[0].b, all[1].b = &c.from.frames, &c.from.wide
	}
	return all
}

// borrow sees that c has room for a buffer of size bytes; it waits for at most patience.
// What many who wait have meanwhile, see leisure, leaves enough that some go on.
func (c *Conn) borrow(size int, patience time.Duration) error {
	had, want := c.in.loan, c.shared.loanFor(size)
	steps := c.steps(had.missing(want))
	for i, step := range steps {
		if step.b == nil || step.n == 0 {
			continue
		}
		var err error
		if patience, err = c.takeTurn(step.b, step.n, c.purpose(step.b, want), patience); err != nil {
			giveAll(steps[:i])
			return err
		}
	}
	c.in.loan = had.with(want)
	return nil
}

// purpose is what is taken for want of b: small frames wait for no large ones, but what is
// for these alone is all theirs.
func (c *Conn) purpose(b *budget, want loan) purpose {
	if want.large > 0 && b != &c.shared.large && b != &c.shared.giants {
		return forLarge
	}
	return forFrames
}

// tryBorrow is borrow that does not wait.
func (c *Conn) tryBorrow(size int) bool {
	had, want := c.in.loan, c.shared.loanFor(size)
	steps := c.steps(had.missing(want))
	for i, step := range steps {
		if step.b != nil && step.n > 0 && !step.b.try(step.n, c.purpose(step.b, want)) {
			giveAll(steps[:i])
			return false
		}
	}
	c.in.loan = had.with(want)
	return true
}

// missing is what l needs to be want.
func (l loan) missing(want loan) loan {
	return loan{max(0, want.bytes-l.bytes), max(0, want.share-l.share), max(0, want.wide-l.wide), max(0, want.small-l.small), max(0, want.large-l.large), max(0, want.giant-l.giant)}
}

// with is l and what it needed to be want.
func (l loan) with(want loan) loan {
	return loan{max(want.bytes, l.bytes), max(want.share, l.share), max(want.wide, l.wide), max(want.small, l.small), max(want.large, l.large), max(want.giant, l.giant)}
}

// payBack gives back what is beyond a buffer of size bytes.
func (c *Conn) payBack(size int) {
	want := c.shared.loanFor(size)
	spare := want.missing(c.in.loan)
	steps := c.steps(spare)
	giveAll(steps[:])
	had := &c.in.loan
	*had = loan{had.bytes - spare.bytes, had.share - spare.share, had.wide - spare.wide, had.small - spare.small, had.large - spare.large, had.giant - spare.giant}
}

func giveAll(steps []step) {
	for _, step := range steps {
		if step.b != nil && step.n > 0 {
			step.b.give(step.n)
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
