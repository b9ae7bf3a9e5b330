package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"

	"pairmq/daemon/config"
)

// newLogger writes to w as the configuration says. The level can be changed
// while the daemon runs.
func newLogger(w io.Writer, cfg *config.Config) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	setLevel(level, cfg.LogLevel)
	if cfg.LogFormat == "auto" && isJournal(w) {
		return slog.New(newFieldHandler(newJournal(journalSocket, w), &slog.HandlerOptions{Level: level})), level
	}
	return lastLines(w, cfg, level), level
}

// lastLines logs what the daemon says before it ends, to w itself. The journal knows of
// a stream whose it is from its beginning; of a line with fields it asks the kernel, and
// puts it nowhere if its process has ended.
func lastLines(w io.Writer, cfg *config.Config, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	switch {
	case cfg.LogFormat == "json":
		return slog.New(slog.NewJSONHandler(w, o))
	case cfg.LogFormat == "auto" && !terminal(w):
		return slog.New(journalHandler{slog.NewTextHandler(w, withoutTime(o)), w, new(sync.Mutex)})
	default:
		return slog.New(slog.NewTextHandler(w, o))
	}
}

func setLevel(level *slog.LevelVar, name string) {
	if err := level.UnmarshalText([]byte(name)); err != nil {
		level.Set(slog.LevelInfo) // config allows only names that parse
	}
}

// terminal says whether w is a person's screen.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// withoutTime drops what the journal writes itself.
func withoutTime(o *slog.HandlerOptions) *slog.HandlerOptions {
	c := *o
	c.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}
	return &c
}

// A journalHandler puts the priority before each line in the form <N> that
// journald and syslog readers understand (sd-daemon(3)).
type journalHandler struct {
	slog.Handler
	w  io.Writer
	mu *sync.Mutex // a line and its priority are two writes
}

// Handle writes one record.
func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, err := h.w.Write([]byte{'<', priority(r.Level), '>'}); err != nil {
		return err
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the priorities.
func (h journalHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return journalHandler{h.Handler.WithAttrs(as), h.w, h.mu}
}

// WithGroup keeps the priorities.
func (h journalHandler) WithGroup(name string) slog.Handler {
	return journalHandler{h.Handler.WithGroup(name), h.w, h.mu}
}

func priority(l slog.Level) byte {
	switch {
	case l >= slog.LevelError:
		return '3'
	case l >= slog.LevelWarn:
		return '4'
	case l >= slog.LevelInfo:
		return '6'
	default:
		return '7'
	}
}
