// Package warner logs what peers can cause at will without letting them fill
// the log: a few lines, then one in a while, with how many were left out since.
package warner

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// DefaultEvery is the least time between two lines where nothing else is said.
const DefaultEvery = time.Second

// A Warner logs to To at Level, at most once in Every, and Burst lines at once after a
// silence. It is safe for concurrent use and must not be copied.
type Warner struct {
	To    *slog.Logger  // required
	Level slog.Level    // zero is info
	Every time.Duration // 0 means DefaultEvery
	Burst int           // 0 means 1

	mu   sync.Mutex
	full time.Time // when Burst lines may be logged at once again
	left int       // out since the last line
}

// Log logs msg with args, unless it did so too often just now.
func (w *Warner) Log(msg string, args ...any) {
	every := w.Every
	if every == 0 {
		every = DefaultEvery
	}
	w.mu.Lock()
	now := time.Now()
	if w.full.Before(now) {
		w.full = now
	}
	if w.full.Sub(now) > time.Duration(max(w.Burst, 1)-1)*every {
		w.left++
		w.mu.Unlock()
		return
	}
	left := w.left
	w.full, w.left = w.full.Add(every), 0
	w.mu.Unlock()
	if left > 0 || w.Burst <= 1 {
		args = append(args, "suppressed", left)
	}
	w.To.Log(context.Background(), w.Level, msg, args...)
}
