package remoting

import (
	"errors"
	"fmt"
	"time"
)

// largeFrame is how many bytes a frame has at most of which the body comes before anybody
// is asked whether he wants it.
const largeFrame = hotBuffer

// passRate is how many bytes a second are read past, on all connections of a Server together: as
// many as a fast link brings. What comes faster waits in its sockets, or nothing else would be
// looked at for 10 ms at a time.
const passRate = 128 << 20

// passUnwanted reads past the large frames whose bodies nobody wants, until there is
// another one: what is refused for its size alone must not take the memory that is
// wanted for the rest. A header for which there is no room is not waited for.
func (c *Conn) passUnwanted() error {
	if c.shared.tooLarge == nil {
		return nil
	}
	in, lim := &c.in, &c.shared.limits
	for {
		size, err := parseFrameSize(in.buf.b[in.r:in.w], lim)
		body := frameHead + size.header // where it begins
		switch {
		case errors.Is(err, ErrShortFrame):
			body = frameHead
		case err != nil || size.total <= largeFrame:
			return nil // nextFrame knows what to do
		case body > hotBuffer:
			return c.mayCome(size)
		case in.w-in.r >= body:
			if passed, err := c.passLarge(size); !passed || err != nil {
				return err
			}
			continue
		case in.w-in.r == len(in.buf.b) && !c.growHot():
			return nil
		}
		if err := c.fill(0); err != nil {
			return err
		}
	}
}

// mayCome fails if no request may have a body as large as that of a frame whose header is too
// long to be looked at before: who sent it cannot be answered.
func (c *Conn) mayCome(size frameSize) error {
	n := size.total - frameHead - size.header
	if refusal := c.shared.tooLarge(0, n); refusal != nil {
		return fmt.Errorf("%w: behind a header of %d bytes %s", ErrBadFrame, size.header, refusal.Remark)
	}
	return nil
}

// passLarge reads past a large frame of which the header is there, and answers it, unless
// its body is wanted.
func (c *Conn) passLarge(size frameSize) (passed bool, err error) {
	head := size
	head.total = frameHead + size.header
	var cmd Command
	p := c.shared.parsers.get()
	err = decodeFrame(&cmd, c.in.buf.b[c.in.r:][:head.total], head, c.shared.limits.Fields, p)
	c.shared.parsers.put(p)
	if err != nil {
		return false, err
	}
	if cmd.IsResponse() {
		if c.calls.waits(cmd.Opaque) {
			return false, nil
		}
		if err := c.pass(size.total); err != nil {
			return false, err
		}
		return true, c.pause()
	}
	refusal := c.shared.tooLarge(cmd.Code, size.total-head.total)
	if refusal == nil {
		return false, nil
	}
	if err := c.pass(size.total); err != nil {
		return false, err
	}
	if cmd.IsOneway() { // nobody would hear that it was not served
		return true, c.pause()
	}
	return true, c.serve(&cmd, head, HandlerFunc(func(req *Request) { req.Reply(refusal) }))
}

// passed waits until n bytes more may be read past.
func (c *Conn) passed(n int) error {
	s := c.shared
	wait := s.passing.after(int64(time.Since(s.born)), int64(n)*int64(time.Second)/passRate)
	if wait < time.Millisecond {
		return nil
	}
	return c.sleep(wait)
}

// after counts what takes each ns of the pace, and returns how far that is ahead of now.
func (p *pace) after(now, each int64) time.Duration {
	for {
		at := p.at.Load()
		next := max(at, now) + each
		if p.at.CompareAndSwap(at, next) {
			return time.Duration(next - now)
		}
	}
}

// pass reads past a frame of that many bytes, within the time in which it has to be complete.
func (c *Conn) pass(left int) error {
	in := &c.in
	for in.w-in.r < left {
		n := in.w - in.r - 1
		if err := c.passed(n); err != nil {
			return err
		}
		left -= n
		in.r = in.w - 1 // a byte stays: a frame has begun where there is one
		if err := c.fill(0); err != nil {
			return err
		}
	}
	in.r += left
	in.old, in.since = true, time.Time{}
	return nil
}
