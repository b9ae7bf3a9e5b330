package remoting

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// warnEvery is the least time between two warnings of one warner.
const warnEvery = time.Second

// A warner logs at level what peers can cause at will, once a second at most,
// and counts what it left out. It is safe for concurrent use.
type warner struct {
	to    *slog.Logger
	level slog.Level
	mu    sync.Mutex
	last  time.Time
	left  int // out since last
}

// log logs msg with args, unless it did so just now.
func (w *warner) log(msg string, args ...any) {
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
	w.to.Log(context.Background(), w.level, msg, append(args, "suppressed", left)...)
}
