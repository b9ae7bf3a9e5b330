package remoting

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// calmTime is how long a connection must be quiet to give its buffer back.
const calmTime = time.Second

// An inbound is the reading half of a connection: a buffer that holds what has
// arrived and was not served, and the times that tell a slow peer. It belongs
// to the reading goroutine.
type inbound struct {
	buf   *buffer
	r, w  int // what has arrived is buf.b[r:w]
	loan  loan
	full  bool // the last read filled the buffer
	news  bool // bytes have arrived since last was set
	old   bool // a frame has been complete
	large bool // flow tells others of the frame at r
	last  time.Time
	since time.Time // when the frame at r began; zero if none has
	armed time.Time // read deadline
}

// nextFrame returns the next frame; it is valid until the next call.
func (c *Conn) nextFrame() ([]byte, frameSize, error) {
	in, lim := &c.in, &c.shared.limits
	for {
		size, err := parseFrameSize(in.buf.b[in.r:in.w], lim)
		if err == nil && in.w-in.r >= size.total {
			frame := in.buf.b[in.r : in.r+size.total]
			in.r += size.total
			in.old, in.since = true, time.Time{}
			c.noteEnd()
			return frame, size, nil
		}
		if err != nil && !errors.Is(err, ErrShortFrame) {
			return nil, size, err
		}
		if err := c.fill(size.total); err != nil {
			return nil, size, err
		}
	}
}

// fill reads once, towards a frame of need bytes, if that is known, else 0.
func (c *Conn) fill(need int) error {
	if err := c.makeRoom(need); err != nil {
		return err
	}
	if err := c.armRead(); err != nil {
		return err
	}
	if c.draining.Load() { // not before: startDrain sets the deadline too
		return errDraining
	}
	in := &c.in
	end := len(in.buf.b)
	if in.large { // what is behind it might be of one that has to wait
		end = min(end, in.r+need)
	}
	n, err := c.stream.Read(in.buf.b[in.w:end])
	in.w += n
	in.full = in.w == len(in.buf.b)
	if n > 0 {
		in.news = true
		return nil // an error comes again
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil // armRead knows what it means
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// armRead sets the time by which bytes must come, unless a deadline that comes
// first is set already: then that passes and armRead is called again. It fails
// if the time is over.
func (c *Conn) armRead() error {
	in, lim := &c.in, &c.shared.limits
	now := time.Now()
	if in.news {
		in.news, in.last = false, now
		c.noteProgress(now)
	}
	var by time.Time
	var err error
	if in.w > in.r {
		by, err = in.frameBy(now, lim)
	} else {
		by, err = c.idleBy(now)
	}
	if err != nil {
		return err
	}
	if in.armed.After(now) && !by.Before(in.armed) {
		return nil
	}
	in.armed = by
	return c.nc.SetReadDeadline(by)
}

// frameBy returns when the frame that has begun must be complete; it fails if
// that time is over.
func (in *inbound) frameBy(now time.Time, lim *Limits) (time.Time, error) {
	if in.since.IsZero() {
		in.since = now
	}
	most := lim.FrameTime
	if !in.old {
		most = lim.FirstFrameTime
	}
	by := in.since.Add(most)
	if !now.Before(by) {
		return by, fmt.Errorf("%w: %d bytes in %v", errFrame, in.w-in.r, most)
	}
	return by, nil
}

// idleBy returns when something must have happened on a connection on which no
// frame has begun: so that it lives, or so that it keeps a large buffer.
func (c *Conn) idleBy(now time.Time) (time.Time, error) {
	in := &c.in
	active := in.last
	if wrote := c.born.Add(time.Duration(c.wroteAt.Load())); wrote.After(active) {
		active = wrote
	}
	by := active.Add(c.shared.limits.Idle)
	if !now.Before(by) {
		return by, errIdle
	}
	if len(in.buf.b) == minBuffer {
		return by, nil
	}
	calm := in.last.Add(calmTime)
	if now.Before(calm) {
		return calm, nil
	}
	c.resize(minBuffer)
	return by, nil
}
