package board

import "time"

// Jumps notices when the wall clock is set. The zero value has seen nothing yet;
// it is not for several goroutines at once.
type Jumps struct {
	last time.Time     // of the wall clock
	at   time.Duration // of the clock that only runs forwards, at the same moment
	seen bool
}

// Look compares the clocks now: call it every so often.
func (j *Jumps) Look(start time.Time, tolerance time.Duration) (by time.Duration, jumped bool) {
	now := time.Now()
	return j.Observe(now, now.Sub(start), tolerance)
}

// Observe is told what the wall clock shows, and how long something has run by
// the monotonic clock. It returns by how much the wall clock has gone further
// since the last call than that time has, negative if it was set back, and
// whether that is more than tolerance either way. A time server that slows the clock or
// speeds it up can make a twelfth of the time between two calls. The monotonic
// clock stands while a machine sleeps, so that waking up is a jump as well.
func (j *Jumps) Observe(wall time.Time, run, tolerance time.Duration) (by time.Duration, jumped bool) {
	wall = wall.Round(0) // without Go's own reading of the monotonic clock
	if j.seen {
		by = wall.Sub(j.last) - (run - j.at)
	}
	j.last, j.at, j.seen = wall, run, true
	return by, by > tolerance || by < -tolerance
}
