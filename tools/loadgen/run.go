package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds on what a run may ask for; beyond them the load is a mistake.
const (
	maxConns    = 1024
	maxInFlight = 65536
	maxQueues   = 1024
	maxDuration = time.Hour
	maxCount    = 1_000_000_000
)

// ErrOptions is the cause when a load cannot be meant as asked.
var ErrOptions = errors.New("loadgen: bad options")

// Bounds say when a run ends and what of it counts.
type Bounds struct {
	Warmup   time.Duration // after the start, not counted; 0 means none
	Duration time.Duration // after the warm-up; 0 means 10 s, at most 1 h
	Count    int64         // messages, with those of the warm-up; 0 means as many as there is time for
}

func (b *Bounds) check() error {
	b.Duration = cmp.Or(b.Duration, 10*time.Second)
	switch {
	case b.Warmup < 0 || b.Duration < 0 || b.Warmup+b.Duration > maxDuration:
		return fmt.Errorf("%w: duration %v after a warm-up of %v; at most %v together", ErrOptions, b.Duration, b.Warmup, maxDuration)
	case b.Count < 0 || b.Count > maxCount:
		return fmt.Errorf("%w: count %d; 1 to %d, or 0 for no limit", ErrOptions, b.Count, maxCount)
	}
	return nil
}

// Progress is what a run has done so far, warm-up included.
type Progress struct {
	Messages int64         // acknowledged or pulled
	Elapsed  time.Duration // since the first request
}

// A run is what the connections of one load share.
type run struct {
	start    time.Time
	from, to time.Duration // the window that counts, since start
	timeout  time.Duration
	stopped  atomic.Bool // the caller has had enough: send nothing more
	messages atomic.Int64
}

// now is the time since the start of the run.
func (r *run) now() time.Duration { return time.Since(r.start) }

// over tells whether nothing more may be sent at t.
func (r *run) over(t time.Duration) bool { return t >= r.to || r.stopped.Load() }

// counts tells whether a reply that came at t is within the window.
func (r *run) counts(t time.Duration) bool { return r.from <= t && t < r.to }

// extend gives the broker behind c the time to answer that it has from now on:
// the timeout of the target, or at most one second once the caller has had enough.
func (r *run) extend(c net.Conn) {
	if !r.stopped.Load() {
		c.SetDeadline(time.Now().Add(r.timeout))
	}
	if r.stopped.Load() { // maybe only since the line above
		c.SetDeadline(time.Now().Add(min(time.Second, r.timeout)))
	}
}

// loop is the work of one connection. It returns what it counted also when it fails.
type loop func(*run, net.Conn) (*tally, error)

// drive runs one loop on each connection, which it closes, until all are
// done, and adds up their tallies. The end of ctx stops the sending; replies
// to what is in flight are then waited for, for at most one second.
func drive(ctx context.Context, conns []net.Conn, loops []loop, b Bounds, timeout time.Duration, progress func(Progress)) (*tally, error) {
	defer closeAll(conns)
	r := &run{start: time.Now(), from: b.Warmup, to: b.Warmup + b.Duration, timeout: timeout}
	defer context.AfterFunc(ctx, func() {
		r.stopped.Store(true)
		for _, c := range conns {
			r.extend(c)
		}
	})()

	tallies, errs := make([]*tally, len(conns)), make([]error, len(conns)+1)
	var wg sync.WaitGroup
	for i := range conns {
		wg.Go(func() { tallies[i], errs[i] = loops[i](r, conns[i]) })
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	r.report(done, progress)

	sum := newTally()
	for _, t := range tallies {
		sum.merge(t)
	}
	errs[len(conns)] = ctx.Err()
	return sum, errors.Join(errs...)
}

// report calls progress twice a second until done is closed.
func (r *run) report(done <-chan struct{}, progress func(Progress)) {
	if progress == nil {
		<-done
		return
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			progress(Progress{Messages: r.messages.Load(), Elapsed: r.now()})
		}
	}
}

// share splits n into parts as even as can be; part i of them.
func share(n, parts, i int) int {
	s := n / parts
	if i < n%parts {
		s++
	}
	return s
}

// clockText is the wall clock in milliseconds as text, as of the last millisecond asked for.
type clockText struct {
	ms   int64
	text [len(bornMark)]byte
}

// at returns the text for the time now after start; it is valid until the next call.
func (c *clockText) at(now time.Duration, start time.Time) []byte {
	if ms := start.UnixMilli() + now.Milliseconds(); ms != c.ms {
		c.ms = ms
		putDecimal(c.text[:], ms)
	}
	return c.text[:]
}
