package acl

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const lookEvery = time.Second // between two looks at a file

// watched is T as a file says it, read again once that has changed. What cannot be used is
// logged and changes nothing.
type watched[T any] struct {
	path   string
	what   string // that the file has, for the log
	decode func([]byte) (T, error)
	log    *slog.Logger

	now    atomic.Pointer[T]
	looked atomic.Int64 // nanoseconds since began
	began  time.Time

	mu     sync.Mutex // guards the rest, and changes of the file by ourselves
	seen   stamp      // of the file as it was read last, in vain or not
	failed string     // what was wrong with it then
}

// A stamp tells one version of a file from the next.
type stamp struct {
	size  int64
	mtime time.Time
}

// watch reads the file for the first time.
func watch[T any](path, what string, decode func([]byte) (T, error), log *slog.Logger) (*watched[T], error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	w := &watched[T]{path: path, what: what, decode: decode, log: log, began: time.Now()}
	w.seen = w.stamp()
	v, err := w.load()
	if err != nil {
		return nil, err
	}
	w.now.Store(&v)
	w.describe()
	return w, nil
}

func (w *watched[T]) stamp() (s stamp) {
	if info, err := os.Stat(w.path); err == nil {
		s = stamp{info.Size(), info.ModTime()}
	}
	return s
}

func (w *watched[T]) load() (v T, err error) {
	b, err := readFile(w.path)
	if err != nil {
		return v, err
	}
	if v, err = w.decode(b); err != nil {
		return v, fmt.Errorf("acl: %s: %w", w.path, err)
	}
	return v, nil
}

// get returns what the file says now, as far as that is good.
func (w *watched[T]) get() T {
	// By the monotonic clock, and one of those who ask looks: nobody waits for it.
	if now := int64(time.Since(w.began)); now-w.looked.Load() >= int64(lookEvery) && w.mu.TryLock() {
		w.looked.Store(now)
		w.look()
		w.mu.Unlock()
	}
	return *w.now.Load()
}

// look reads the file again if it has changed; w.mu is held.
func (w *watched[T]) look() {
	seen := w.stamp()                     // before it is read: what changes meanwhile is seen next time
	if seen == w.seen && w.failed == "" { // what failed is tried again: chown changes no stamp
		return
	}
	v, err := w.load()
	if err != nil {
		if seen != w.seen || err.Error() != w.failed {
			w.log.Error("a file of "+w.what+" has changed and is not good: what it said before stays in force until it is", "err", err)
		}
		w.seen, w.failed = seen, err.Error()
		return
	}
	w.seen, w.failed = seen, ""
	w.now.Store(&v)
	w.log.Info("a file of "+w.what+" has changed and is in force from now on", "file", w.path)
	w.describe()
}

// set has v in force, which the file says now by our own doing; w.mu is held.
func (w *watched[T]) set(v T) {
	w.seen, w.failed = w.stamp(), ""
	w.now.Store(&v)
}

// describe warns of a file that everybody may read.
func (w *watched[T]) describe() {
	if info, err := os.Stat(w.path); err == nil && info.Mode().Perm()&0o007 != 0 {
		w.log.Warn("everybody on this machine may read the secrets of "+w.what+": chmod 0640", "file", w.path, "mode", info.Mode().Perm().String())
	}
}

// readFile reads a file that is small.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("acl: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("acl: %s: want a file of at most %d bytes, it has %d", path, maxFile, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("acl: %w", err)
	}
	return b, nil
}
