package remoting

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"time"
	"unsafe"
)

// requestCost is what a request that waits for its reply is taken to occupy
// besides its header.
const requestCost = int64(unsafe.Sizeof(Request{})) + 16*int64(unsafe.Sizeof(Field{}))

// read reads and serves frames until the connection ends, and says why: nil if
// who serves them panicked.
func (c *Conn) read() error {
	defer c.recovered()
	if err := c.enter(); err != nil {
		return err
	}
	for {
		if err := c.passUnwanted(); err != nil {
			return err
		}
		frame, size, err := c.nextFrame()
		if err != nil {
			return err
		}
		if err := c.dispatch(frame, size); err != nil {
			return err
		}
	}
}

// recovered, when deferred, makes the end of this connection of a panic in what
// others gave us to call.
func (c *Conn) recovered() {
	if v := recover(); v != nil {
		c.shared.panics.Log("handler panicked", "remote", c.remote, "panic", v, "stack", string(debug.Stack()))
		c.fail(errPanicked)
	}
}

// dispatch serves a request or delivers a response.
func (c *Conn) dispatch(frame []byte, size frameSize) error {
	var cmd Command
	p := c.shared.parsers.get()
	err := decodeFrame(&cmd, frame, size, c.shared.limits.Fields, p)
	c.shared.parsers.put(p)
	if err != nil {
		return err
	}
	if cmd.IsResponse() {
		if !c.calls.answer(&cmd) {
			return c.pause()
		}
		return nil
	}
	return c.serve(&cmd, size, c.shared.handler)
}

// serve has a request served, for which a frame of that size was received.
func (c *Conn) serve(cmd *Command, size frameSize, by Handler) error {
	req := &Request{Command: *cmd, conn: c}
	if !req.IsOneway() {
		req.held = requestCost + int64(size.header)
		if c.from.crowded() { // what it replies without to reserve it counts, too
			req.reserved = minBuffer
			req.held += minBuffer
		}
		if err := c.admit(req, size.total); err != nil {
			return err
		}
	}
	if !c.paced(req.Code) {
		return c.tooMany(req)
	}
	by.Serve(req)
	return nil
}

// admit waits until one more request, which counts for what it holds, may be in
// flight. One that was not small has waited for memory already, and keeps what
// it got until it is served: were it to wait again, many might wait for each
// other. size is that of its frame, in bytes.
func (c *Conn) admit(req *Request, size int) error {
	lim := &c.shared.limits
	if size > minBuffer {
		c.shared.budget.force(req.held)
		c.owes(req.reserved)
	} else if err := c.makeWay(req.held, req.reserved); err != nil {
		return fmt.Errorf("no room for a request: %w", err)
	}
	c.mu.Lock()
	if c.crowded() {
		c.noteKept(size)
		c.awaitRoom(lim.Idle)
		c.flow.want.Store(0)
	}
	err := c.ended()
	if err == nil && c.crowded() {
		err = errDraining
	}
	if err != nil {
		c.mu.Unlock()
		c.shared.budget.give(req.held)
		c.ceded(req.reserved)
		return err
	}
	c.inFlight++
	c.held += req.held
	c.reserved += req.reserved
	c.mu.Unlock()
	return nil
}

// crowded says whether c has as many requests or replies as it may; c.mu is held.
func (c *Conn) crowded() bool {
	lim := &c.shared.limits
	return c.inFlight >= lim.InFlight || max(c.held, c.queued) > lim.QueuedBytes
}

// awaitRoom waits until c is crowded no more, has ended, or is to drain. It
// ends a connection whose requests do not get their replies. c.mu is held.
func (c *Conn) awaitRoom(patience time.Duration) {
	enough := time.AfterFunc(patience, func() { c.fail(errStuck) })
	defer enough.Stop()
	for c.crowded() && c.gone == nil && !c.draining.Load() {
		c.wait()
	}
}

// copied returns cmd with a body of its own.
func copied(cmd *Command) *Command {
	own := *cmd
	own.Body = bytes.Clone(cmd.Body)
	return &own
}
