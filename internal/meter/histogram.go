package meter

import (
	"sync/atomic"
	"time"
)

// Buckets is how many buckets a Histogram has: one for each of Bounds, and one for
// what is longer.
const Buckets = 20

// shortest is the bound of the first bucket.
const shortest = 10 * time.Microsecond

// Bounds are the buckets' upper bounds, which belong to them: 1, 2, 5, 10 and so on
// from 10 µs to 10 s.
func Bounds() (all [Buckets - 1]time.Duration) {
	for i := range all {
		all[i] = bound(i)
	}
	return all
}

// bound is the i-th of Bounds.
func bound(i int) time.Duration {
	d := [...]time.Duration{1, 2, 5}[i%3] * shortest
	for range i / 3 {
		d *= 10
	}
	return d
}

// A Histogram counts durations. The zero value is ready, and it must not be
// copied. Its methods may be called from any goroutine.
type Histogram struct {
	counts [Buckets]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
	most   atomic.Int64 // nanoseconds
}

// Observe counts one duration; a negative one is none.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(d)].Add(1)
	h.sum.Add(int64(d))
	for most := h.most.Load(); int64(d) > most && !h.most.CompareAndSwap(most, int64(d)); {
		most = h.most.Load()
	}
}

// bucket is the one that d is counted in.
func bucket(d time.Duration) int {
	i, unit := 0, shortest
	for i < Buckets-2 && d > 5*unit {
		i, unit = i+3, 10*unit
	}
	switch {
	case d <= unit:
		return i
	case i == Buckets-2: // there is no bucket of 20 s
		return i + 1
	case d <= 2*unit:
		return i + 1
	}
	return i + 2
}

// Max is the longest of all that were counted.
func (h *Histogram) Max() time.Duration { return time.Duration(h.most.Load()) }

// Counts returns what was counted so far. While others observe, the sum may be of
// one more or less than the counts.
func (h *Histogram) Counts() (c Counts) {
	for i := range c.Buckets {
		c.Buckets[i] = h.counts[i].Load()
	}
	c.Sum = time.Duration(h.sum.Load())
	return c
}

// Counts is what a Histogram has counted.
type Counts struct {
	Buckets [Buckets]uint64
	Sum     time.Duration
}

// Total is how many durations were counted.
func (c *Counts) Total() (n uint64) {
	for _, b := range c.Buckets {
		n += b
	}
	return n
}

// Since is what has been counted since before.
func (c *Counts) Since(before *Counts) (d Counts) {
	for i := range d.Buckets {
		d.Buckets[i] = c.Buckets[i] - before.Buckets[i]
	}
	d.Sum = c.Sum - before.Sum
	return d
}

// Quantile is about what so much of all durations, 0 to 1, are not longer than; 0
// if there are none. Within a bucket they are taken to lie evenly; of what is longer
// than all Bounds it says the last of these.
func (c *Counts) Quantile(q float64) time.Duration {
	total := c.Total()
	if total == 0 {
		return 0
	}
	rank, below := q*float64(total), 0.0
	for i, n := range c.Buckets[:Buckets-1] {
		if n > 0 && below+float64(n) >= rank {
			from := time.Duration(0)
			if i > 0 {
				from = bound(i - 1)
			}
			return from + time.Duration(float64(bound(i)-from)*(max(rank-below, 0)/float64(n)))
		}
		below += float64(n)
	}
	return bound(Buckets - 2)
}
