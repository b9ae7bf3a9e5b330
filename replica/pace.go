package replica

import "time"

// A pace spaces what is sent to so many bytes a second, with what was left of
// the second before. The zero value lets everything pass.
type pace struct {
	rate int64     // bytes per second; 0 means no limit
	due  time.Time // when all that was sent should have been
}

// spent notes n bytes that were sent at now, and returns how long to wait before
// the next ones.
func (p *pace) spent(now time.Time, n int) time.Duration {
	if p.rate <= 0 {
		return 0
	}
	if early := now.Add(-time.Second); p.due.Before(early) {
		p.due = early
	}
	p.due = p.due.Add(time.Duration(int64(n) * int64(time.Second) / p.rate))
	return max(0, p.due.Sub(now))
}
