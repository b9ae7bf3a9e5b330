package acl

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/internal/warner"
)

const lookEvery = time.Second // between two looks at a file

// sayAtOnce is how many lines of a kind requests that change a file can cause at once, then one a second.
const sayAtOnce = 20

// watched is T as a file says it, read again once that has changed. What cannot be used is
// logged and changes nothing.
type watched[T any] struct {
	path   string
	what   string // that the file has, for the log
	decode func([]byte) (T, error)
	absent []byte  // what a file says that is not there; nil: it has to be
	news   func(T) // is told what is in force from now on; nil: nobody is
	log    *slog.Logger
	said   *warner.Warner // what requests have changed
	wrong  *warner.Warner // why they could not

	now    atomic.Pointer[T]
	looked atomic.Int64 // nanoseconds since began
	began  time.Time

	mu     sync.Mutex  // guards the rest, and changes of the file by ourselves
	seen   stamp       // of the file as it was read last, in vain or not
	coming stamp       // of the file as it was at the last look, if not the same
	failed string      // what was wrong with it when it was read
	bad    atomic.Bool // failed has something; for who does not wait for mu
}

// A stamp tells one version of a file from the next, also of one that has the size and the time
// of the one before: rsync -t and cp -p keep times.
type stamp struct {
	size         int64
	mtime, ctime int64 // ns since 1970, by whatever clock
	inode        uint64
}

// watch reads the file for the first time.
func watch[T any](path, what string, decode func([]byte) (T, error), log *slog.Logger) (*watched[T], error) {
	w := newWatched(path, what, decode, log)
	v, err := w.load()
	if err != nil {
		return nil, err
	}
	w.now.Store(&v)
	w.describe()
	return w, nil
}

func newWatched[T any](path, what string, decode func([]byte) (T, error), log *slog.Logger) *watched[T] {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	w := &watched[T]{path: path, what: what, decode: decode, log: log, began: time.Now()}
	w.said = &warner.Warner{To: log, Burst: sayAtOnce}
	w.wrong = &warner.Warner{To: log, Level: slog.LevelError, Burst: sayAtOnce}
	w.seen = w.stamp()
	return w
}

func (w *watched[T]) stamp() (s stamp) {
	if info, err := os.Stat(w.path); err == nil {
		s = stampOf(info)
	}
	return s
}

func (w *watched[T]) load() (v T, err error) {
	b, err := readFile(w.path)
	if w.absent != nil && errors.Is(err, fs.ErrNotExist) {
		b, err = w.absent, nil
	}
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
	if seen == w.seen && w.failed == "" { // what failed is tried again: it may be the folder that was wrong
		return
	}
	// Somebody may be writing it: half of a file can have wider rights than the whole. By
	// two looks and not by its time, which is another clock's.
	if seen != w.seen && seen != w.coming {
		w.coming = seen
		return
	}
	v, err := w.load()
	if err != nil {
		if seen != w.seen || err.Error() != w.failed {
			w.log.Error("a file of "+w.what+" has changed and is not good: what it said before stays in force until it is", "err", err)
		}
		w.fail(seen, err.Error())
		return
	}
	w.fail(seen, "")
	w.now.Store(&v)
	w.log.Info("a file of "+w.what+" has changed and is in force from now on", "file", w.path)
	w.describe()
	w.tell(v)
}

// tell tells who wants to know that v is in force.
func (w *watched[T]) tell(v T) {
	if w.news != nil {
		w.news(v)
	}
}

// set has v in force, which the file says by our own doing, as it was written; w.mu is held.
func (w *watched[T]) set(v T, written stamp) {
	// A rename changes the ctime. What somebody else has put there since is not ours: it is read at the next looks.
	if now := w.stamp(); now.inode == written.inode && now.size == written.size && now.mtime == written.mtime {
		written = now
	}
	w.fail(written, "")
	w.now.Store(&v)
	w.tell(v)
}

// fail notes what was wrong with a version of the file, "" for nothing; w.mu is held, or nobody else has w.
func (w *watched[T]) fail(seen stamp, why string) {
	w.seen, w.failed = seen, why
	w.bad.Store(why != "")
}

// update changes the file: edit gets what it says now, and returns what it is to say. That is durable and in
// force on return, or not said.
func (w *watched[T]) update(edit func(T) ([]byte, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stamp() != w.seen { // what somebody is writing there just now is not undone, nor made good
		return fmt.Errorf("%w: somebody has just changed the file by hand: ask again once that is in force, in some seconds", ErrUpdate)
	}
	v, err := w.load()
	if err != nil {
		w.wrong.Log("the file of "+w.what+" is not good", "err", err)
		return fmt.Errorf("%w: the file is not good and must be mended by hand, and the broker's log says why", ErrUpdate)
	}
	b, err := edit(v)
	if err != nil {
		return err
	}
	if v, err = w.decode(b); err != nil {
		return fmt.Errorf("%w: %w", ErrUpdate, err)
	}
	written, err := replace(w.path, b)
	if err != nil {
		w.wrong.Log("the file of "+w.what+" could not be written", "err", err)
		if errors.Is(err, fs.ErrPermission) || isReadOnly(err) {
			return fmt.Errorf("%w: the broker may not write where its file is: change the file by hand, it is read again", ErrUpdate)
		}
		return fmt.Errorf("%w: the file could not be written, and the broker's log says why", ErrUpdate)
	}
	w.set(v, written)
	return nil
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
