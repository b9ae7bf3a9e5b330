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
// wait for each other: see borrow.
func (c *Conn) makeRoom(need int) error {
	in := &c.in
	if in.r == in.w {
		in.r, in.w = 0, 0
	}
	c.calmDown(need)
	switch size := len(in.buf.b); {
	case need > size:
		if err := c.reserve(need); err != nil {
			return err
		}
		switch size = len(in.buf.b); {
		case in.w-in.r < size:
		case size >= coarse:
			c.resize(need)
			return nil
		default:
			c.resize(2 * size)
			return nil
		}
	case in.full && c.growHot(): // there is more to read than fits
		return nil
	}
	if size := len(in.buf.b); in.w == size || in.r+need > size {
		in.w = copy(in.buf.b, in.buf.b[in.r:in.w])
		in.r = 0
	}
	return nil
}

// growHot doubles the buffer, as far as a busy connection may have it, if there is leisure.
func (c *Conn) growHot() bool {
	size := len(c.in.buf.b)
	if size >= hotBuffer || !c.leisure(int64(size)) || !c.tryBorrow(2*size) {
		return false
	}
	c.resize(2 * size)
	return true
}

// calmDown makes the buffer smaller once a large frame is through, or any while much is
// held: it is to keep nobody waiting who has a frame to send.
func (c *Conn) calmDown(need int) {
	in, keep := &c.in, hotBuffer
	if !c.leisure(0) || in.loan[ofLarge] > 0 && !in.large && !(c.leisure(hotBuffer) && c.tryBorrow(hotBuffer)) {
		keep = minBuffer // what a large one had of its source is none for small ones
	}
	if keep = max(keep, need, in.w-in.r); !in.large && sizeOf(classOf(keep)) < len(in.buf.b) {
		c.resize(keep)
	}
}

// reserve takes the budget for a frame of need bytes, which is more than the
// buffer holds.
func (c *Conn) reserve(need int) error {
	in := &c.in
	if size := sizeOf(classOf(need)); in.loan.missing(c.shared.loanFor(size)) != (loan{}) {
		if err := c.borrow(size, c.shared.limits.FrameTime); err != nil {
			return fmt.Errorf("no room for a frame of %d bytes: %w", need, err)
		}
		if !in.since.IsZero() {
			in.since = time.Now() // it was not the peer who took so long
		}
	}
	if !in.large {
		in.large = true
		c.noteBegin(need, in.w-in.r)
	}
	return nil
}

// noteBegin tells others that want bytes are being received, of which there are have.
func (c *Conn) noteBegin(want, have int) {
	now := int64(time.Since(c.born))
	c.flow.have.Store(int64(have))
	c.flow.since.Store(now)
	c.flow.moved.Store(now)
	c.flow.want.Store(int64(want))
}

// noteProgress tells others how far a large frame is.
func (c *Conn) noteProgress(now time.Time) {
	if c.in.large {
		c.flow.have.Store(int64(c.in.w - c.in.r))
		c.flow.moved.Store(int64(now.Sub(c.born)))
	}
}

// noteKept tells others of a frame of size bytes that has come, and keeps its room until
// its sender has had answers: after slowTime that is no better than one that does not come.
func (c *Conn) noteKept(size int) {
	if size <= minBuffer {
		return
	}
	c.noteBegin(size, size)
	c.flow.moved.Add(int64(slowTime - stallTime))
}

// noteEnd tells others that no large frame is being received.
func (c *Conn) noteEnd() {
	if c.in.large {
		c.in.large = false
		c.flow.want.Store(0)
	}
}

// resize moves what has arrived to the front of a buffer of size bytes or more, and
// gives back what the budget has beyond it if it is a smaller one.
func (c *Conn) resize(size int) {
	in, s := &c.in, c.shared
	old := in.buf
	in.buf = s.buffers.get(size)
	in.w = copy(in.buf.b, old.b[in.r:in.w])
	in.r, in.full = 0, false
	s.buffers.put(old)
	if len(in.buf.b) <= len(old.b) {
		c.payBack(len(in.buf.b))
	}
}

// closeInbound gives the buffer back.
func (c *Conn) closeInbound() {
	c.shared.buffers.put(c.in.buf)
	c.in.buf = nil
	c.payBack(0)
}
