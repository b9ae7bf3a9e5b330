package remoting

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// reply queues the response to r.
func (c *Conn) reply(r *Request, resp *Response) {
	cmd := Command{
		Code: resp.Code, Language: Go, Version: Version, Opaque: r.Opaque, Flag: flagResponse,
		Remark: resp.Remark, Fields: resp.Fields, Serialize: r.Serialize,
	}
	c.mu.Lock()
	if c.gone != nil {
		c.mu.Unlock()
		resp.release()
		return
	}
	c.inFlight--
	c.held -= r.held
	c.reserved -= r.reserved
	kept, err := c.queue(&cmd, resp.Body, resp.Release)
	if err != nil {
		cmd.Code, cmd.Remark, cmd.Fields = RespSystemError, err.Error(), nil
		_, _ = c.queue(&cmd, nil, nil) // this one fits
	}
	c.changes()
	c.mu.Unlock()
	if !kept {
		resp.release()
	}
	c.shared.budget.give(r.held)
	c.ceded(r.reserved)
}

// send queues a request.
func (c *Conn) send(cmd *Command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone != nil {
		return c.ended()
	}
	if most := c.shared.limits.QueuedBytes; c.queued > most {
		return fmt.Errorf("%w: %d bytes wait to be written, at most %d", ErrBusy, c.queued, most)
	}
	_, err := c.queue(cmd, cmd.Body, nil)
	return err
}

// queue adds a frame to what the flusher writes next and sees that there is a
// flusher; c.mu is held. See batch.add.
func (c *Conn) queue(cmd *Command, body []byte, release func()) (kept bool, err error) {
	if c.pending == nil {
		c.pending = c.shared.batches.get()
	}
	before := c.pending.size
	kept, err = c.pending.add(cmd, body, release, c.shared.limits.Frame)
	if err != nil {
		return kept, err
	}
	n := c.pending.size - before
	c.queued += n
	c.shared.budget.force(n)
	c.owes(n)
	if !c.flushing {
		c.flushing = true
		c.wroteAt.Store(int64(time.Since(c.born)))
		go c.flush()
	}
	return kept, nil
}

// flush writes what is queued, all at once and again until there is nothing.
func (c *Conn) flush() {
	for {
		c.mu.Lock()
		b := c.pending
		if b == nil || c.gone != nil {
			c.flushing = false
			c.changes()
			c.mu.Unlock()
			return
		}
		c.pending = nil
		c.mu.Unlock()
		c.batchAt.Store(int64(time.Since(c.born)))

		err := c.write(b)
		n := b.size
		b.drop()
		c.shared.batches.put(b)
		c.shared.budget.give(n)
		c.ceded(n)
		c.mu.Lock()
		c.queued -= n
		c.changes()
		c.mu.Unlock()
		if err != nil {
			c.fail(err)
		}
	}
}

// write writes b, in pieces that have WriteTime each.
func (c *Conn) write(b *batch) error {
	if len(b.bodies) == 0 && len(b.buf) <= writeChunk {
		if err := c.extendWrite(); err != nil {
			return err
		}
		_, err := c.stream.Write(b.buf)
		return c.writeError(err)
	}
	pieces := b.pieces()
	for len(pieces) > 0 {
		n, size := 0, 0
		for n < len(pieces) && (n == 0 || size+len(pieces[n]) <= writeChunk) {
			size += len(pieces[n])
			n++
		}
		if err := c.extendWrite(); err != nil {
			return err
		}
		b.chunk = pieces[:n]
		_, err := b.chunk.WriteTo(c.stream)
		if err := c.writeError(err); err != nil {
			return err
		}
		pieces = pieces[n:]
	}
	return nil
}

// extendWrite moves the write deadline on, not at every write.
func (c *Conn) extendWrite() error {
	most := c.shared.limits.WriteTime
	now := time.Since(c.born)
	c.wroteAt.Store(int64(now))
	if time.Duration(c.writeBy.Load())-now > most*3/4 {
		return nil
	}
	c.writeBy.Store(int64(now + most))
	return c.nc.SetWriteDeadline(c.born.Add(now + most))
}

// writeError returns err, or what it means if it is a timeout.
func (c *Conn) writeError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w for %v", errNotRead, c.shared.limits.WriteTime)
	}
	return err
}
