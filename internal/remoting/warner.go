package remoting

import (
	"log/slog"
	"sync"
	"time"
)

// warnEvery is the least time between two warnings of one warner.
const warnEvery = time.Second

// A warner logs what peers can cause at will, once a second at most, and counts
// what it left out. It is safe for concurrent use.
type warner struct {
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time
	left int // out since last
}

// warn logs msg with args at level, unless it did so just now.
func (w *warner) warn(msg string, args ...any) {
	w.mu.Lock()
	now := time.Now()
	if !w.last.IsZero() && now.Sub(w.last) < warnEvery {
		w.left++
		w.mu.Unlock()
		return
	}
	left := w.left
	w.last, w.left = now, 0
	w.mu.Unlock()
	w.log.Warn(msg, append(args, "suppressed", left)...)
}
