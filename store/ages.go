package store

import "time"

// How far a wall clock is believed.
const (
	clockJump = time.Hour           // more than this at once is no adjustment
	longAway  = 30 * 24 * time.Hour // longer, and rather the clock is wrong
)

// Ages says from which time on segments are kept, by a wall clock that may be
// wrong: an appliance has no battery behind it. A clock that jumps ahead makes
// no message older. After such a jump nothing is old until the time that messages
// are kept has passed with the power on, unless the clock was behind the log
// before: then it was wrong before, and is right now.
type ages struct {
	reserved time.Duration
	seen     bool
	wall     int64         // ms since 1970, when it was asked last
	newest   int64         // the newest store timestamp then, ms
	up       time.Duration // and how long the store had been open
	trusted  time.Duration // by this much of up the clock is believed again
}

// limit returns the store timestamp (ms) that the newest record of a segment must
// be older than for its age to have passed; nothing is that old if trusted is false.
// wall is the wall clock in ms, up the monotonic time since the store was
// opened, newest the newest store timestamp in ms or 0.
func (a *ages) limit(wall int64, up time.Duration, newest int64) (oldest int64, trusted, jumped bool) {
	switch ahead := wall - a.wall - (up - a.up).Milliseconds(); {
	case !a.seen:
		jumped = newest > 0 && wall-newest > longAway.Milliseconds()
	case ahead > clockJump.Milliseconds():
		jumped = a.wall >= a.newest-clockJump.Milliseconds()
	}
	if jumped {
		a.trusted = up + a.reserved
	}
	a.seen, a.wall, a.newest, a.up = true, wall, newest, up
	return wall - a.reserved.Milliseconds(), up >= a.trusted, jumped
}
