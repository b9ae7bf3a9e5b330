package remoting

import (
	"sync/atomic"
	"time"
)

// A flow is what other goroutines may know of the frame a connection receives.
// Times are in ns since the connection was born.
type flow struct {
	want  atomic.Int64 // bytes of the frame, if it is a large one; else 0
	have  atomic.Int64 // bytes of it that have arrived
	since atomic.Int64 // when the first of them did
	moved atomic.Int64 // when the last of them did
}

// stallTime is how long a peer may make no progress while others wait for the
// memory its frame or its replies occupy.
const stallTime = 2 * time.Second

// slowTime is how long a peer may take for what was written to it at once, or for a message
// of ordinary size, while others wait for the memory of it: one that reads a little all the
// time could keep megabytes for minutes.
const slowTime = 10 * time.Second

// stalled says whether c keeps memory for a peer that does not go on: one that
// has not finished a large frame and sends nothing, or too little to be done
// within FrameTime, or slowTime if it is not that large, or one that does not read its replies, or hardly.
func (c *Conn) stalled() bool {
	now := time.Since(c.born)
	if want := c.flow.want.Load(); want > 0 {
		spent := now - time.Duration(c.flow.since.Load())
		quiet := now - time.Duration(c.flow.moved.Load())
		most := c.shared.limits.FrameTime
		if want <= smallFrame {
			most = min(most, slowTime)
		}
		late := float64(c.flow.have.Load())*float64(most) < float64(want)*float64(spent)
		if quiet > stallTime || spent > stallTime && late {
			return true
		}
	}
	return c.Queued() > minBuffer && (now-time.Duration(c.wroteAt.Load()) > stallTime || now-time.Duration(c.batchAt.Load()) > slowTime)
}

// acquire takes n bytes of the budget for c. While there are none it waits, for
// at most patience, and drops connections that stall. It fails with ErrBusy, or
// with ErrClosed if c ends meanwhile.
func (c *Conn) acquire(n int64, p purpose, patience time.Duration) error {
	_, err := c.takeTurn(c.shared.budget, n, p, patience)
	return err
}

// takeTurn takes n bytes of b, and returns what is left of patience.
func (c *Conn) takeTurn(b *budget, n int64, p purpose, patience time.Duration) (left time.Duration, err error) {
	t := b.ask(n, p)
	if t == nil {
		return patience, nil
	}
	began := time.Now()
	err = c.awaitTurn(t, b, patience)
	if err != nil && !b.leave(t, p) { // it came all the same
		b.give(n)
	}
	return patience - time.Since(began), err
}

// awaitTurn waits for t, a turn of b.
func (c *Conn) awaitTurn(t *turn, b *budget, patience time.Duration) error {
	enough := time.NewTimer(patience)
	defer enough.Stop()
	look := time.NewTicker(stallTime / 2)
	defer look.Stop()
	for {
		select {
		case <-t.got:
			return nil
		case <-look.C:
			if c.draining.Load() {
				return errDraining
			}
			c.shared.dropStalled(b)
			b.look()
		case <-enough.C:
			return ErrBusy
		case <-c.done:
			return c.cause()
		}
	}
}
