// Package warner logs what peers can cause at will without letting them fill
// the log: one line in a while, with how many were left out since.
package warner

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// DefaultEvery is the least time between two lines where nothing else is said.
const DefaultEvery = time.Second

// A Warner logs to To at Level, at most once in Every. It is safe for concurrent
// use and must not be copied.
type Warner struct {
	To    *slog.Logger  // required
	Level slog.Level    // zero is info
	Every time.Duration // 0 means DefaultEvery

	mu   sync.Mutex
	last time.Time
	left int // out since last
}

// Log logs msg with args, unless it did so just now.
func (w *Warner) Log(msg string, args ...any) {
	every := w.Every
	if every == 0 {
		every = DefaultEvery
	}
	w.mu.Lock()
	now := time.Now()
	if !w.last.IsZero() && now.Sub(w.last) < every {
		w.left++
		w.mu.Unlock()
		return
	}
	left := w.left
	w.last, w.left = now, 0
	w.mu.Unlock()
	w.To.Log(context.Background(), w.Level, msg, append(args, "suppressed", left)...)
}
