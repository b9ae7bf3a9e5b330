package remoting

import (
	"sort"
	"time"
)

// leastOf is how much of all bytes in flight the replies to one source may have, until they
// are written, however much others hold.
func leastOf(limit int64) int64 { return limit / 64 }

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
func (r *Request) reserve(n int64, patience time.Duration) (err error) {
	c, p := r.conn, forReplies
	if n <= copyInline {
		p = forRequests
	}
	if c.from != nil {
		if patience, err = c.takeTurn(&c.from.room, n, p, patience); err != nil {
			return err
		}
	}
	if err = c.acquire(n, p, patience); err != nil {
		c.ceded(n)
	}
	return err
}

// age is how old s is, in ns.
func (s *shared) age() int64 { return int64(time.Since(s.born)) }

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
		if c.keeps(b) && c.stalled() {
			d := debtor{Conn: c, own: c.Queued() + c.flow.want.Load()}
			if d.source = d.own; c.from != nil {
				d.source = max(d.own, c.from.room.used.Load())
			}
			stalled = append(stalled, d)
		}
	}
	// From where most is, until enough is free for all purposes.
	sort.Slice(stalled, func(i, k int) bool {
		x, y := &stalled[i], &stalled[k]
		return x.source > y.source || x.source == y.source && x.own > y.own
	})
	used, enough := b.used.Load(), b.most()/4
	if b.lane {
		enough = 0
	}
	for _, d := range stalled {
		if used < enough || used <= 0 {
			return
		}
		used -= d.own
		d.fail(errStalled)
	}
}
