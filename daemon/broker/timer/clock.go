package timer

import "time"

// A clock has the two times that timers go by, in ms. Spans go by the monotonic clock:
// wall clocks of appliances step, and have no battery. How long the power was off only
// the wall clock can say: if it is behind the log, no time is taken to have passed.
// Times of delivery go by the wall clock as it is, wherever it steps.
type clock struct {
	wall  func() int64 // ms since 1970
	began time.Time
	base  int64 // span shown when it began
}

// onTheMillisecond is when the wall clock showed the millisecond that it shows at t: who
// counts from there counts its milliseconds. Else a delay could end within the last
// millisecond of it.
func onTheMillisecond(t time.Time) time.Time {
	return t.Add(-time.Duration(t.Nanosecond()) % time.Millisecond)
}

// span is what the clock of spans shows.
func (c *clock) span() int64 { return c.base + time.Since(c.began).Milliseconds() }

// logTime is the time that a record stored now has, or would have: the newest so far
// was stored at newest.
func (c *clock) logTime(newest int64) int64 { return max(c.wall(), newest) }

// now is what a lane's clock shows.
func (c *clock) now(lane int) int64 {
	if lane == spans {
		return c.span()
	}
	return c.wall()
}
