package replica

import (
	"log/slog"
	"sync"
	"time"
)

// faultPeriod is how often one kind of fault is logged.
const faultPeriod = 10 * time.Second

// A faultLog logs what strangers can cause as often as they like: the first
// time, and then once in faultPeriod how often it was.
type faultLog struct {
	to *slog.Logger

	mu    sync.Mutex
	last  time.Time
	since int // not logged since
}

func newFaultLog(to *slog.Logger) *faultLog { return &faultLog{to: to} }

func (f *faultLog) log(msg string, args ...any) {
	f.mu.Lock()
	now := time.Now()
	if !f.last.IsZero() && now.Sub(f.last) < faultPeriod {
		f.since++
		f.mu.Unlock()
		return
	}
	args = append(args, "notLogged", f.since)
	f.last, f.since = now, 0
	f.mu.Unlock()
	f.to.Warn(msg, args...)
}
