package remoting

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
)

// localConns is how many connections from this machine itself a Server takes beyond
// Limits.Conns: who looks after it gets in while strangers hold all the others.
const localConns = 64

// A source is where connections come from, and what it may have.
type source struct {
	conns   int          // guarded by shared.mu
	served  pace         // requests
	refused pace         // requests that were told that there are too many
	room    budget       // of replies that are reserved, or not yet read; see budget.most
	frames  budget       // of small frames that are being received
	wide    budget       // of large ones
	stuck   atomic.Int64 // until when it is known to read nothing, in ns since its Server was made
}

// SourceOf returns what counts as one address: an IPv4 address by itself, an
// IPv6 one by its first 64 bits, for the rest is its host's to choose.
func SourceOf(a netip.Addr) netip.Addr {
	if !a.Is6() || a.Is4In6() {
		return a.Unmap()
	}
	return netip.PrefixFrom(a.WithZone(""), 64).Masked().Addr()
}

// A pace is how fast requests of one source come: when as many as came would have come at
// the rate that is allowed, in ns since their Server was made.
type pace struct{ at atomic.Int64 }

// take counts one request, which takes each ns of the pace, unless that would be more than
// burst ns ahead of now.
func (p *pace) take(now, each, burst int64) bool {
	for {
		at := p.at.Load()
		next := max(at, now) + each
		if next-now > burst {
			return false
		}
		if p.at.CompareAndSwap(at, next) {
			return true
		}
	}
}

// ahead says whether the pace is ahead of now: it must not be forgotten yet.
func (p *pace) ahead(now int64) bool { return p.at.Load() > now }

// burstTime is how long a source may save up requests that it does not send.
const burstTime = time.Second

// Source returns by what c counts for bounds for one address, and false if it comes from
// this machine, for which there are none: programs here may call at an address that others
// call at too, and then come from it.
func (c *Conn) Source() (netip.Addr, bool) {
	a := c.remote.Addr()
	return SourceOf(a), a.IsValid() && !a.IsLoopback() && a != c.local.Addr()
}

// paced says whether a request may be served now, by what its source has sent. A heartbeat
// still may when nothing else does.
func (c *Conn) paced(code int32) bool {
	each := c.shared.every
	if each == 0 || c.from == nil {
		return true
	}
	burst := int64(burstTime)
	if code == ReqHeartBeat {
		burst *= 2
	}
	return c.from.served.take(int64(time.Since(c.shared.born)), each, burst)
}

// tooMany answers a request beyond the pace. RocketMQ's clients take that as they take
// a broker's that has too much to do: they try another one, or later. Who goes on all the
// same is not read from at more than the pace; nor is who wants no answer.
func (c *Conn) tooMany(req *Request) error {
	s := c.shared
	if req.IsOneway() { // nobody would hear that it was not served
		if err := c.keepPace(&c.from.served); err != nil {
			return err
		}
		s.handler.Serve(req)
		return nil
	}
	s.paused.Add(1)
	s.busy.Log("a client sends too many requests, it is answered SYSTEM_BUSY", "remote", c.remote, "most", s.limits.Rate)
	req.ReplyError(RespSystemBusy, fmt.Sprintf("[OVERLOAD]system busy, start flow control for a while: more than %d requests a second come from one address", s.limits.Rate))
	return c.pause()
}

// pause waits while what nobody wants comes of c's source at more than its pace.
func (c *Conn) pause() error {
	if c.shared.every == 0 || c.from == nil {
		return nil
	}
	return c.keepPace(&c.from.refused)
}

// keepPace waits until one more may come.
func (c *Conn) keepPace(p *pace) error {
	s := c.shared
	for !p.take(int64(time.Since(s.born)), s.every, int64(burstTime)) {
		if c.draining.Load() {
			return errDraining
		}
		if err := c.sleep(time.Duration(max(s.every, int64(pauseTime)))); err != nil {
			return err
		}
	}
	return nil
}

// pauseTime is how long a connection is not read from at a time.
const pauseTime = 10 * time.Millisecond

// sleep waits, unless c ends.
func (c *Conn) sleep(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.done:
		return c.cause()
	}
}

// enterFrom counts c for its source, of which it may be the perAddr-th connection; s.mu is
// held.
func (s *shared) enterFrom(c *Conn, perAddr int) error {
	counts := s.door != nil // a Client has chosen whom it calls
	key, other := c.Source()
	most := s.limits.Conns
	if counts && !other {
		counts, most = false, most+localConns
	}
	if len(s.conns) >= most {
		return fmt.Errorf("%w: %d connections", ErrBusy, most)
	}
	if !counts {
		return nil
	}
	s.sweep()
	from := s.sources[key]
	switch {
	case from == nil:
		limit := s.limits.BytesInFlight
		from = &source{room: budget{limit: leastOf(limit), together: limit / 4, all: &s.replies}, frames: framesOf(limit, &s.arriving), wide: framesOf(limit, &s.arriving)}
		s.sources[key] = from
	case from.conns >= perAddr:
		return fmt.Errorf("%w: %d connections of one address", ErrBusy, perAddr)
	}
	from.conns++
	c.from = from
	return nil
}

// leaveFrom is called when c has ended; s.mu is held. A source that sends too much is
// remembered for a while: to connect anew wins nothing.
func (s *shared) leaveFrom(c *Conn) {
	if c.from == nil {
		return
	}
	if c.from.conns--; c.from.conns == 0 && !c.from.owes(int64(time.Since(s.born))) {
		delete(s.sources, SourceOf(c.remote.Addr()))
	}
}

func (f *source) owes(now int64) bool { return f.served.ahead(now) || f.refused.ahead(now) }

// sweep forgets sources of which nothing is left, once a second at most; s.mu is held.
func (s *shared) sweep() {
	now := time.Since(s.born)
	if now-s.swept < burstTime {
		return
	}
	s.swept = now
	for key, f := range s.sources {
		if f.conns == 0 && !f.owes(int64(now)) {
			delete(s.sources, key)
		}
	}
}
