package remoting

import (
	"fmt"
	"time"
)

// makeRoom sees that the buffer has room behind w for at least one byte, and
// for a frame of need bytes at r as far as bytes have arrived to justify it: a
// buffer grows to twice what it holds, not to what a peer announces, unless a MiB of
// that has come: to double further would leave as much behind as the frame has. What
// goes beyond minBuffer counts against the budget; for a frame that does, all
// of it is taken before its buffer grows, so that half-received frames do not
// wait for each other.
func (c *Conn) makeRoom(need int) error {
	in := &c.in
	if in.r == in.w {
		in.r, in.w = 0, 0
	}
	c.calmDown()
	if err := c.reserve(need); err != nil {
		return err
	}
	size := len(in.buf.b)
	switch {
	case need > size:
		switch {
		case in.w-in.r < size:
		case size >= coarse:
			c.resize(need)
			return nil
		default:
			c.resize(2 * size)
			return nil
		}
	case in.full && size < hotBuffer && c.leisure(int64(size)):
		c.indulge(int64(size)) // there is more to read than fits
		c.resize(2 * size)
		return nil
	}
	if in.w == size || in.r+need > size {
		in.w = copy(in.buf.b, in.buf.b[in.r:in.w])
		in.r = 0
	}
	return nil
}

// calmDown makes the buffer smaller once a large frame is through, or others want it.
func (c *Conn) calmDown() {
	in, size := &c.in, len(c.in.buf.b)
	have := in.w - in.r
	switch {
	case in.large:
	case c.loan.ahead.Load() > 0 && int64(sizeOf(classOf(have)))-minBuffer <= c.loan.ofLanes():
		c.refit(max(have, minBuffer))
		c.fallBehind()
	case size > hotBuffer && have <= hotBuffer/2 && c.leisure(hotBuffer):
		c.resize(hotBuffer)
	case have <= minBuffer && (size > hotBuffer || size > minBuffer && !c.leisure(0)):
		c.resize(minBuffer)
	}
}

// reserve takes the budget for a frame of need bytes that is not there yet, which is more
// than every buffer holds, and tells others how it comes.
func (c *Conn) reserve(need int) error {
	in := &c.in
	if need <= minBuffer || in.large {
		return nil
	}
	had := c.loan.sum()
	if err := c.borrow(int64(sizeOf(classOf(need)))-minBuffer, c.shared.limits.FrameTime); err != nil {
		return fmt.Errorf("no room for a frame of %d bytes: %w", need, err)
	}
	if had != c.loan.sum() && !in.since.IsZero() {
		in.since = time.Now() // it was not the peer who took so long
	}
	in.large = true
	c.noteBegin(int64(need), int64(in.w-in.r))
	return nil
}

// noteBegin tells others that have bytes of want have come.
func (c *Conn) noteBegin(want, have int64) {
	now := int64(time.Since(c.born))
	c.flow.have.Store(have)
	c.flow.since.Store(now)
	c.flow.moved.Store(now)
	c.flow.want.Store(want)
}

// noteProgress tells others how far a large frame is.
func (c *Conn) noteProgress(now time.Time) {
	if c.in.large {
		c.flow.have.Store(int64(c.in.w - c.in.r))
		c.flow.moved.Store(int64(now.Sub(c.born)))
	}
}

// noteEnd tells others that no large frame is being received.
func (c *Conn) noteEnd() {
	if c.in.large {
		c.in.large = false
		c.flow.want.Store(0)
	}
}

// resize makes the buffer one of size bytes or more. If it is a smaller one than before it is
// a convenience, and no frame's.
func (c *Conn) resize(size int) {
	was := len(c.in.buf.b)
	c.refit(size)
	if size < was {
		c.payBack()
		c.indulge(int64(size - minBuffer))
	}
}

// refit moves what has arrived to the front of a buffer of size bytes or more.
func (c *Conn) refit(size int) {
	in, s := &c.in, c.shared
	old := in.buf
	in.buf = s.buffers.get(size)
	in.w = copy(in.buf.b, old.b[in.r:in.w])
	in.r, in.full = 0, false
	s.buffers.put(old)
}

// closeInbound gives the buffer back.
func (c *Conn) closeInbound() {
	c.shared.buffers.put(c.in.buf)
	c.payBack()
	c.in.buf = nil
}
