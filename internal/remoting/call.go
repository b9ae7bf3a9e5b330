package remoting

import (
	"context"
	"fmt"
	"time"
)

// Call sends req as a request and waits for its answer, until ctx ends; if ctx
// has no deadline, for Limits.CallTime. It gives the request an opaque of its
// own and does not change req, whose Version 0 is sent as this side's; req is
// the caller's again on return. The answer, with its Body, belongs to the
// caller; its Code is not looked at. Call fails with ErrBusy if nothing was
// sent, with ErrClosed if the connection ends, with ErrTimeout or ctx's error
// if no answer came; then the request may have been served.
func (c *Conn) Call(ctx context.Context, req *Command) (*Command, error) {
	type answer struct {
		cmd *Command
		err error
	}
	got := make(chan answer, 1)
	k := &call{code: req.Code, done: func(cmd *Command, err error) { got <- answer{cmd, err} }}
	if _, ok := ctx.Deadline(); !ok {
		k.due = time.Now().Add(c.shared.limits.CallTime)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("remoting: request %s to %v: %w", RequestName(req.Code), c.remote, err)
	}
	opaque, err := c.request(req, k)
	if err != nil {
		return nil, err
	}
	select {
	case a := <-got:
		return a.cmd, a.err
	case <-ctx.Done():
	}
	if c.calls.take(opaque) == nil {
		a := <-got // it came at the same time
		return a.cmd, a.err
	}
	return nil, fmt.Errorf("remoting: request %s to %v: %w", RequestName(req.Code), c.remote, ctx.Err())
}

// Go sends req as Call does and returns at once. done is called exactly once:
// with the answer, or with an error as from Call, ErrTimeout after timeout (0
// means Limits.CallTime). It is called on the goroutine that reads the
// connection or on another one, and before Go returns if nothing could be sent;
// it must not block. The answer belongs to done.
func (c *Conn) Go(req *Command, timeout time.Duration, done func(*Command, error)) {
	if timeout <= 0 {
		timeout = c.shared.limits.CallTime
	}
	k := &call{code: req.Code, due: time.Now().Add(timeout), done: done}
	if _, err := c.request(req, k); err != nil {
		done(nil, err)
	}
}

// Oneway queues req as a request that wants no answer. It gives it an opaque of
// its own and does not change req, which is the caller's again on return. It
// fails with ErrBusy or ErrClosed; without an error, the request may still be
// lost with the connection.
func (c *Conn) Oneway(req *Command) error {
	cmd := c.outgoing(req, c.calls.number())
	cmd.Flag = flagOneway
	return c.send(&cmd)
}

// request sends req on behalf of k. If it fails, k is over without done called.
func (c *Conn) request(req *Command, k *call) (opaque int32, err error) {
	opaque, err = c.calls.add(k)
	if err != nil {
		return 0, err
	}
	cmd := c.outgoing(req, opaque)
	if err := c.send(&cmd); err != nil {
		if c.calls.take(opaque) == nil {
			return opaque, nil // done is called by who took it
		}
		return 0, err
	}
	return opaque, nil
}

// outgoing returns req as it is sent with opaque.
func (c *Conn) outgoing(req *Command, opaque int32) Command {
	cmd := *req
	cmd.Opaque, cmd.Flag = opaque, 0
	if cmd.Version == 0 {
		cmd.Version = Version
	}
	if sign := c.shared.sign; sign != nil {
		sign(&cmd)
	}
	return cmd
}
