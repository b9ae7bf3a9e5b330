package remoting

import (
	"errors"
	"sort"
	"time"
)

// leastOf is how much of all bytes in flight the replies to one source may have, until they
// are written, however much others hold.
func leastOf(limit int64) int64 { return limit / 64 }

const (
	// parkedTime is how long a request that was parked waits for what its source does not
	// read: who answers it answers those of other sources after it.
	parkedTime = 200 * time.Millisecond
	// stuckTime is how long such requests do not wait at all after one has in vain.
	stuckTime = time.Second
)

// crowded says whether a source has so much of its share that small replies, too, are
// counted before they are made: many connections might make one each at the same time.
// No source never is.
func (f *source) crowded() bool { return f != nil && f.room.used.Load() >= f.room.most()/2 }

// ceded gives back n bytes of replies, written or dropped, to c's source.
func (c *Conn) ceded(n int64) {
	if c.from != nil && n > 0 {
		c.from.room.give(n)
	}
}

// owes counts n bytes of replies that are there for c's source.
func (c *Conn) owes(n int64) {
	if c.from != nil && n > 0 {
		c.from.room.force(n)
	}
}

// makeWay takes held bytes for a small request, reserved of which are for its reply.
func (c *Conn) makeWay(held, reserved int64) error {
	patience := c.shared.limits.Idle
	if reserved > 0 {
		if _, err := c.takeTurn(&c.from.room, reserved, forRequests, patience); err != nil {
			return err
		}
	}
	err := c.acquire(held, forRequests, patience)
	if err != nil {
		c.ceded(reserved)
	}
	return err
}

// reserve takes n bytes for the reply to r, of what its source may have and of all there
// are. Small ones do not wait behind large ones.
func (r *Request) reserve(n int64) error {
	c, p, patience := r.conn, forReplies, reserveTime
	if n <= copyInline {
		p = forRequests
	}
	if c.from != nil {
		var err error
		if patience, err = r.reserveFrom(n, p); err != nil {
			return err
		}
	}
	err := c.acquire(n, p, patience)
	if err != nil {
		c.ceded(n)
	}
	return err
}

// reserveFrom takes n bytes of what r's source may have, and returns what is left of
// reserveTime.
func (r *Request) reserveFrom(n int64, p purpose) (left time.Duration, err error) {
	c, f := r.conn, r.conn.from
	if !r.parked {
		return c.takeTurn(&f.room, n, p, reserveTime)
	}
	patience := parkedTime
	if c.shared.age() < f.stuck.Load() {
		patience = 0
	}
	if _, err = c.takeTurn(&f.room, n, p, patience); errors.Is(err, ErrBusy) && patience > 0 {
		f.stuck.Store(c.shared.age() + int64(stuckTime))
	}
	return reserveTime, err
}

// age is how old s is, in ns.
func (s *shared) age() int64 { return int64(time.Since(s.born)) }

// owesTo says whether c may have something of b.
func (c *Conn) owesTo(b *budget) bool {
	s, want := c.shared, c.flow.want.Load()
	switch {
	case b == &s.small:
		return want > 0 && want <= smallFrame
	case b == &s.large:
		return want > smallFrame
	case b == &s.giants:
		return want > giant(s.limits.BytesInFlight)
	case c.from != nil && b == &c.from.frames:
		return want > 0 && want <= smallFrame
	case c.from != nil && b == &c.from.wide:
		return want > smallFrame
	default:
		return b == s.budget || c.from != nil && b == &c.from.room
	}
}

// dropStalled ends the connections that keep memory of b without making progress. All who
// wait for memory call it; one of them looks, the others leave it to him.
func (s *shared) dropStalled(b *budget) {
	last, now := b.looked.Load(), s.age()
	if now-last < int64(stallTime/4) || !b.looked.CompareAndSwap(last, now) {
		return
	}
	type debtor struct {
		*Conn
		source, own int64
	}
	var stalled []debtor
	for _, c := range s.each() {
		if c.owesTo(b) && c.stalled() {
			d := debtor{Conn: c, own: c.Queued() + c.flow.want.Load()}
			if d.source = d.own; c.from != nil {
				d.source = max(d.own, c.from.room.used.Load()+c.from.frames.used.Load()+c.from.wide.used.Load())
			}
			stalled = append(stalled, d)
		}
	}
	// From where most is, until enough is free for all purposes; one in any case, for what
	// somebody waits for may be more: a large frame of a source is not begun beside a sixteenth.
	sort.Slice(stalled, func(i, k int) bool {
		x, y := &stalled[i], &stalled[k]
		return x.source > y.source || x.source == y.source && x.own > y.own
	})
	used, enough := b.used.Load(), b.most()/4
	for i, d := range stalled {
		if i > 0 && used < enough {
			return
		}
		used -= d.own
		d.fail(errStalled)
	}
}
