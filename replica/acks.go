package replica

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pairmq/internal/meter"
)

// What a sender is told when no slave has its message in time. It is stored all
// the same, and what becomes of it is unknown.
var (
	// ErrSlaveTimeout is RocketMQ's FLUSH_SLAVE_TIMEOUT.
	ErrSlaveTimeout = errors.New("replica: no slave acknowledged in time")
	// ErrNoSlave is RocketMQ's SLAVE_NOT_AVAILABLE.
	ErrNoSlave = errors.New("replica: no slave is near enough to wait for")
)

// AcksOptions say what a send of a SYNC_MASTER waits for.
type AcksOptions struct {
	Needed     int           // slaves that must have acknowledged; 0 means 1
	Timeout    time.Duration // RocketMQ's slaveTimeout; 0 means 3 s
	FallBehind int64         // a slave so many bytes behind is not waited for, haSlaveFallbehindMax; 0 means 256 MiB

	// Release is told that everything before end need not wait any more: with
	// nil because slaves have it, otherwise with ErrSlaveTimeout or ErrNoSlave.
	// It is called in order, by one goroutine at a time; it must not call Acks.
	Release func(end int64, err error)
}

// Acks knows how far the slaves are, and who waits for them. Those who wait are
// in the order of the log: an acknowledgement looks only at the first.
type Acks struct {
	opts AcksOptions

	mu        sync.Mutex
	slaves    map[*masterConn]progress
	confirmed int64         // end of what the master has for sure
	waiting   []wait        // ascending
	ended     bool          // Run has: nobody's time is watched any more
	kick      chan struct{} // the first of waiting has changed

	took meter.Histogram
}

// A progress is how far a slave is, in bytes. What it says first is where its
// log ends, and no acknowledgement: whether its bytes are the master's it only
// finds out then.
type progress struct {
	at, acked int64
	rests     bool // it is not sent what it lacks for now
}

// A wait is for everything before end.
type wait struct {
	end   int64
	until time.Time
}

// NewAcks returns Acks with no slave.
func NewAcks(o AcksOptions) *Acks {
	o.Needed = max(o.Needed, 1)
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Second
	}
	if o.FallBehind == 0 {
		o.FallBehind = 256 << 20
	}
	return &Acks{opts: o, slaves: map[*masterConn]progress{}, kick: make(chan struct{}, 1)}
}

// Confirmed says that everything before end is as safe here as the flush policy
// promises, and is released when slaves have it too: at once where they do, or
// where nobody can be waited for.
func (a *Acks) Confirmed(end int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if end <= a.confirmed {
		return
	}
	a.confirmed = end
	switch acked := a.acked(); {
	case acked >= end:
		a.release(end, nil)
	case a.ended:
		a.release(end, ErrSlaveTimeout)
	case a.near(end) < a.opts.Needed:
		a.release(end, ErrNoSlave)
	default:
		a.waiting = append(a.waiting, wait{end, time.Now().Add(a.opts.Timeout)})
		if len(a.waiting) == 1 {
			poke(a.kick)
		}
	}
}

// release lets everything before end go; a.mu is held.
func (a *Acks) release(end int64, err error) {
	n := 0
	var now time.Time
	for n < len(a.waiting) && a.waiting[n].end <= end {
		if n == 0 {
			now = time.Now()
		}
		a.took.Observe(a.opts.Timeout - a.waiting[n].until.Sub(now))
		n++
	}
	a.waiting = slices.Delete(a.waiting, 0, n)
	a.opts.Release(end, err)
}

// join notes a slave and where it says its log ends.
func (a *Acks) join(c *masterConn, end int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slaves[c] = progress{at: end}
}

// advance notes what a slave has acknowledged.
func (a *Acks) advance(c *masterConn, end int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slaves[c] = progress{at: end, acked: end, rests: a.slaves[c].rests}
	if acked := min(a.acked(), a.confirmed); len(a.waiting) > 0 && acked > 0 {
		a.release(acked, nil)
	}
}

// rest says whether a slave is worth waiting for: not while it is held.
func (a *Acks) rest(c *masterConn, rests bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p, ok := a.slaves[c]; ok {
		p.rests = rests
		a.slaves[c] = p
	}
}

// leave forgets a slave. Those who wait may still be lucky: it may come back.
func (a *Acks) leave(c *masterConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.slaves, c)
}

// acked is the end of what as many slaves have as are needed. Connections from
// one address count as one slave. a.mu is held.
func (a *Acks) acked() int64 {
	if len(a.slaves) < a.opts.Needed {
		return 0
	}
	if a.opts.Needed == 1 {
		var most int64
		for _, p := range a.slaves {
			most = max(most, p.acked)
		}
		return most
	}
	best := a.byAddr()
	ends := make([]int64, 0, len(best))
	for _, p := range best {
		ends = append(ends, p.acked)
	}
	slices.Sort(ends)
	if len(ends) < a.opts.Needed {
		return 0
	}
	return ends[len(ends)-a.opts.Needed]
}

func (a *Acks) byAddr() map[netip.Addr]progress {
	best := make(map[netip.Addr]progress, len(a.slaves))
	for c, p := range a.slaves {
		b, more := best[c.addr]
		best[c.addr] = progress{max(b.at, p.at), max(b.acked, p.acked), p.rests && (b.rests || !more)}
	}
	return best
}

// near counts the slaves that are worth waiting for by somebody who needs end.
// a.mu is held.
func (a *Acks) near(end int64) (n int) {
	for _, p := range a.byAddr() {
		if !p.rests && end-p.at < a.opts.FallBehind {
			n++
		}
	}
	return n
}

// Run gives up on those who have waited too long, until ctx ends; then on all,
// and on whoever comes later.
func (a *Acks) Run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(a.expire(time.Now()))
		select {
		case <-ctx.Done():
			a.GiveUp()
			return nil
		case <-a.kick:
		case <-timer.C:
		}
	}
}

// expire releases those whose time is over and returns when to look again.
func (a *Acks) expire(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	var late int64
	for _, w := range a.waiting {
		if w.until.After(now) {
			break
		}
		late = w.end
	}
	if late > 0 {
		a.release(late, ErrSlaveTimeout)
	}
	if len(a.waiting) == 0 {
		return time.Hour
	}
	return a.waiting[0].until.Sub(now)
}

// GiveUp tells all who wait, and whoever comes later, that no slave has acknowledged in time,
// unless slaves have it by then.
func (a *Acks) GiveUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	if n := len(a.waiting); n > 0 {
		a.release(a.waiting[n-1].end, ErrSlaveTimeout)
	}
}

// Took is for how long confirmed bytes waited for slaves, or until that was given
// up, once for each Confirmed that had to wait.
func (a *Acks) Took() *meter.Histogram { return &a.took }

// poke leaves a token in c, unless there is one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
