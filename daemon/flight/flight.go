// Package flight is the daemon's flight recorder: it keeps the last lines of the
// log that tell of a change of state or of trouble (info and worse), whatever
// level is logged, in memory and of a bounded size.
//
// It writes nothing to flash. Over a restart of the process the lines are kept where
// there is a folder in memory for them, such as the one that systemd makes for
// RuntimeDirectory=; a power cut takes them. Lines of requests and messages are not
// there, since the daemon does not log them.
package flight

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of a Recorder.
const (
	maxEntries = 512
	maxBytes   = 64 << 10 // of all texts
	maxText    = 512      // of one
	maxAlike   = 64       // entries of the same message, whatever its attributes
	near       = 16       // entries among which a line that comes again is counted instead
)

// An Entry is one line.
type Entry struct {
	Time    time.Time     `json:"time"` // by the wall clock, which may jump
	Up      time.Duration `json:"up"`   // nanoseconds since the process began
	Level   string        `json:"level"`
	Message string        `json:"message"`
	Text    string        `json:"text"` // the message and its attributes, as logged
	Count   int           `json:"count"`
	Last    time.Time     `json:"last"`              // when it came the last time, if Count is above 1
	Earlier bool          `json:"earlier,omitempty"` // of a process before this one
}

// A Recorder keeps entries. It is safe for concurrent use.
type Recorder struct {
	began time.Time

	mu      sync.Mutex
	line    bytes.Buffer // the line that is being formatted
	entries []Entry      // the oldest first
	bytes   int          // of their texts
	kept    *file        // nil: in memory alone
}

// New returns an empty Recorder of a process that begins now.
func New() *Recorder { return &Recorder{began: time.Now()} }

// Entries returns what there is, the oldest first.
func (r *Recorder) Entries() []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.entries)
}

// Logger returns one that records what it logs to next.
func (r *Recorder) Logger(next slog.Handler) *slog.Logger {
	text := slog.NewTextHandler(&r.line, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}})
	return slog.New(handler{r, text, next})
}

// Of returns the Recorder of a logger that Logger made, and of those made of it; nil
// if there is none.
func Of(log *slog.Logger) *Recorder {
	if h, ok := log.Handler().(handler); ok {
		return h.rec
	}
	return nil
}

// add keeps one line. r.mu is held.
func (r *Recorder) add(e Entry) {
	if len(e.Text) > maxText {
		e.Text = strings.ToValidUTF8(e.Text[:maxText], "") + "…"
	}
	for i := len(r.entries) - 1; i >= max(0, len(r.entries)-near); i-- {
		if o := &r.entries[i]; o.Text == e.Text && o.Level == e.Level && !o.Earlier {
			o.Count++
			o.Last = e.Time
			return
		}
	}
	alike, first := 0, -1
	for i := range r.entries {
		if r.entries[i].Message == e.Message {
			if alike++; first < 0 {
				first = i
			}
		}
	}
	if alike >= maxAlike {
		r.drop(first)
	}
	r.entries = append(r.entries, e)
	r.bytes += len(e.Text)
	for len(r.entries) > maxEntries || r.bytes > maxBytes {
		r.drop(0)
	}
	if r.kept != nil {
		r.kept.add(e, r.entries)
	}
}

func (r *Recorder) drop(i int) {
	r.bytes -= len(r.entries[i].Text)
	r.entries = slices.Delete(r.entries, i, i+1)
}

// A handler records, and hands on what is to be logged.
type handler struct {
	rec  *Recorder
	text slog.Handler // writes to rec.line
	next slog.Handler
}

// Enabled is true of what is recorded, too.
func (h handler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || h.next.Enabled(ctx, l)
}

// Handle records one record and hands it on.
func (h handler) Handle(ctx context.Context, rec slog.Record) error {
	if rec.Level >= slog.LevelInfo {
		h.record(ctx, &rec)
	}
	if h.next.Enabled(ctx, rec.Level) {
		return h.next.Handle(ctx, rec)
	}
	return nil
}

func (h handler) record(ctx context.Context, rec *slog.Record) {
	r := h.rec
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line.Reset()
	if err := h.text.Handle(ctx, *rec); err != nil {
		return // a buffer in memory takes everything
	}
	text := strings.TrimSuffix(r.line.String(), "\n")
	r.add(Entry{Time: rec.Time.Round(0).UTC(), Up: time.Since(r.began), Level: rec.Level.String(), Message: rec.Message, Text: text, Count: 1})
}

// WithAttrs has both with the attributes.
func (h handler) WithAttrs(as []slog.Attr) slog.Handler {
	return handler{h.rec, h.text.WithAttrs(as), h.next.WithAttrs(as)}
}

// WithGroup has both in the group.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.rec, h.text.WithGroup(name), h.next.WithGroup(name)}
}
