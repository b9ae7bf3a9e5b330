package lifecycle

import (
	"context"
	"math/rand/v2"
	"time"
)

// A Backoff spaces the attempts of something that fails: each wait is about
// twice the last, between Min and Max, less up to a quarter so that two peers
// that failed together do not try together. The zero value waits from 100 ms to
// 5 s. It is for one goroutine.
type Backoff struct {
	Min, Max time.Duration
	next     time.Duration
}

// Reset makes the next wait Min again; call it after a success.
func (b *Backoff) Reset() { b.next = 0 }

// Next returns how long to wait now and doubles the wait after it.
func (b *Backoff) Next() time.Duration {
	lo, hi := b.Min, b.Max
	if lo <= 0 {
		lo = 100 * time.Millisecond
	}
	if hi <= 0 {
		hi = 5 * time.Second
	}
	d := min(max(b.next, lo), hi)
	b.next = min(2*d, hi)
	return d - time.Duration(rand.Int64N(int64(d)/4+1))
}

// Wait sleeps for Next, or until ctx ends, when it returns false.
func (b *Backoff) Wait(ctx context.Context) bool {
	t := time.NewTimer(b.Next())
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
