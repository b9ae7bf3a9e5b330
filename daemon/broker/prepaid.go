package broker

import (
	"errors"

	"pairmq/internal/remoting"
)

// A prepaid is the room for the answer to req. What reads the answer asks for it and never
// waits, since others wait behind it: for a worker, or for a queue that is being popped. Who
// can wait does so before, for what was missing, and has it read again.
type prepaid struct {
	req       *remoting.Request
	had, want int // in bytes
}

// Reserve takes what is missing of n bytes. It fails with remoting.ErrBusy if there is
// none now.
func (p *prepaid) Reserve(n int) error {
	if n <= p.had {
		return nil
	}
	err := p.req.ReserveWithin(n-p.had, 0)
	if err == nil {
		p.had = n
	}
	p.want = n
	return err
}

// wait waits for what was missing, as Request.Reserve.
func (p *prepaid) wait() error {
	err := p.req.Reserve(p.want - p.had)
	if err == nil {
		p.had = p.want
	}
	return err
}

// noRoom says whether err is that of an answer for which there was no room.
func noRoom(err error) bool { return errors.Is(err, remoting.ErrBusy) }
