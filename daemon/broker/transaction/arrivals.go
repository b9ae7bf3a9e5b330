package transaction

import "sort"

// A sample says that the queue ended at an offset at a time.
type sample struct{ end, up int64 } // up: ms of monotonic time

// maxSamples bounds those that are kept: half of the older ones go when there are more.
const maxSamples = 128

// arrivals tell how long ago a message came, by the monotonic clock and never too long:
// where a wall clock steps a producer is asked no earlier than it should be.
type arrivals struct{ samples []sample }

func (a *arrivals) note(s sample) {
	if n := len(a.samples); n > 0 && a.samples[n-1].end >= s.end {
		return
	}
	if len(a.samples) == maxSamples {
		kept := a.samples[:0]
		for i, old := range a.samples {
			if i%2 == 1 || i >= maxSamples/2 {
				kept = append(kept, old)
			}
		}
		a.samples = kept
	}
	a.samples = append(a.samples, s)
}

// age is how long ago (ms) what is at an offset came, at least.
func (a *arrivals) age(offset, up int64) int64 {
	n := sort.Search(len(a.samples), func(i int) bool { return a.samples[i].end > offset })
	if n == len(a.samples) {
		return 0
	}
	return up - a.samples[n].up
}

// forget drops what is not needed from an offset on.
func (a *arrivals) forget(offset int64) {
	n := sort.Search(len(a.samples), func(i int) bool { return a.samples[i].end > offset })
	n = min(n, max(len(a.samples)-1, 0))
	a.samples = append(a.samples[:0], a.samples[n:]...)
}
