package loadgen

import (
	"math/bits"
	"time"
)

// subBits sets a Histogram's resolution: 64 buckets for each power of two,
// so a value is known to 1/64.
const (
	subBits    = 6
	subBuckets = 1 << subBits
	buckets    = (64 - subBits) * subBuckets
)

// A Histogram counts durations from 0 to the largest that there is, each to
// within 1.6 %. The zero value is empty. It has a fixed size of 29 KiB and
// allocates nothing. It is not safe for concurrent use.
type Histogram struct {
	counts [buckets]int64
	n      int64
	max    time.Duration
}

// Record counts d n times; a negative d counts as 0.
func (h *Histogram) Record(d time.Duration, n int64) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))] += n
	h.n += n
	h.max = max(h.max, d)
}

// Merge adds all that o counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() int64 { return h.n }

// Max returns the longest duration, exactly; 0 when there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns the duration that the share q of all durations (0 to 1)
// does not exceed, rounded up to the end of its bucket; 0 when there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := max(1, int64(q*float64(h.n)+0.999999))
	var seen int64
	for i, c := range h.counts {
		if seen += c; seen >= rank {
			return min(bucketEnd(i), h.max)
		}
	}
	return h.max
}

// bucket returns the index for v: the values below 64 have one each, beyond
// that it is the position of the highest bit and the six bits behind it.
func bucket(v uint64) int {
	shift := bits.Len64(v|(subBuckets-1)) - subBits
	if shift == 0 {
		return int(v)
	}
	return (shift-1)*subBuckets + int(v>>(shift-1))
}

// bucketEnd returns the largest duration that falls into bucket i.
func bucketEnd(i int) time.Duration {
	if i < 2*subBuckets {
		return time.Duration(i)
	}
	shift := i/subBuckets - 1
	return time.Duration((uint64(i-shift*subBuckets)+1)<<shift - 1)
}
