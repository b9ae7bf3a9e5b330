package schedule

import (
	"time"

	"pairmq/internal/lifecycle"
)

// MaxLevels is how many levels there may be.
const MaxLevels = 128

// DefaultLevels are RocketMQ's 18 delays, that of level 1 first.
func DefaultLevels() []time.Duration {
	levels := []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second}
	for m := range 10 {
		levels = append(levels, time.Duration(m+1)*time.Minute)
	}
	return append(levels, 20*time.Minute, 30*time.Minute, time.Hour, 2*time.Hour)
}

// A level is one delay and the queue of those that wait for it.
type level struct {
	queueID int32
	delay   int64 // ms
	known   int64 // queue offset; what is before it was there at the start

	// Run's own.
	next    int64 // queue offset of the first that is not delivered
	due     int64 // ms of up; nothing is to be done before
	end     int64 // bytes; the log has before it what was delivered
	taken   point // delivered, and noted when it is on flash
	behind  point // the same, of what came later
	backoff lifecycle.Backoff
	failing bool // it was said that nothing can be delivered
	broken  bool // await only

	// Under Scheduler.mu.
	marks marks
	idle  bool // nothing waits: who arrives wakes Run
}

// A point is a progress that is durable once the log is before end.
type point struct{ next, end int64 }

// never is when a level is due in which nothing waits.
const never = 1<<63 - 1

// dueAt returns when a message is due, in ms of up. Where the clock was too wrong to say
// it is due at once, as RocketMQ has it: a message waits no longer than its delay.
func (l *level) dueAt(c *clock, ahead, offset, stamp int64) int64 {
	up := c.up()
	due := stamp + ahead + l.delay
	if offset < l.known { // how long the power was off, the wall clock may have learned since
		due = min(due, up+stamp+l.delay-c.wall())
	}
	if due > up+l.delay+slack(l.delay) {
		return up
	}
	return due
}

// reached notes that all before next was delivered.
func (l *level) reached(next int64) {
	l.next, l.behind = next, point{next, l.end}
}

// settled returns the progress that is on flash with the log before durable, if there
// is any to be noted.
func (l *level) settled(durable int64) (next int64, ok bool) {
	for {
		if l.taken.next == 0 {
			l.taken, l.behind = l.behind, point{}
		}
		if l.taken.next == 0 || l.taken.end > durable {
			return next, ok
		}
		next, ok = l.taken.next, true
		l.taken = point{}
	}
}

// unsettled says whether some is not noted.
func (l *level) unsettled() bool { return l.taken.next > 0 || l.behind.next > 0 }

// retry puts off the level and returns for how long.
func (l *level) retry(c *clock) time.Duration {
	wait := l.backoff.Next()
	l.due = c.up() + wait.Milliseconds()
	return wait
}
