package commitlog

import (
	"fmt"
	"slices"
	"time"
)

// Appends that must wait stand in line: whoever came first goes first, so that
// none is passed over until its time is up. Only the first is woken. It appends
// for those behind it as well, as far as there is room: a batch is full at once,
// not after as many goroutines have had their turn.
//
// When one has waited for MaxWait in vain, those that come later do not wait at all
// until that comes: a connection that sends one message after the other
// would else be held up for a second by each, and with them the heartbeats behind.

// A turn is one append that waits.
type turn struct {
	n      int
	within time.Duration
	f      Filler // nil: raw bytes, which wait for room for one
	woken  chan struct{}
	done   bool
	off    int64 // where it lies, when it is done
}

// stand waits until the append of n bytes has its turn, and makes it, or says
// why that cannot be; if f is nil it makes none. l.mu is held, but not while it
// waits.
func (l *Log) stand(n int, within time.Duration, f Filler) (phyOffset int64, err error) {
	if l.stuck != fits && f != nil {
		return 0, l.busy()
	}
	t := &turn{n: n, within: within, f: f, woken: make(chan struct{}, 1)}
	l.line = append(l.line, t)
	began := time.Now()
	defer func() { l.times.Turn.Observe(time.Since(began)) }()
	defer l.leave(t)
	timer := time.NewTimer(l.opts.MaxWait)
	defer timer.Stop()
	for late := false; ; {
		if t.done {
			return t.off, nil
		}
		if l.line[0] == t {
			r := l.roomFor(t)
			if r == fits {
				l.admit(t)
				continue
			}
			if err := l.require(r); err != nil {
				return 0, err
			}
		}
		if err := l.refusal(); err != nil {
			return 0, err
		}
		if late {
			if l.line[0] == t && f != nil {
				l.stuck = l.roomFor(t)
			}
			return 0, l.busy()
		}
		l.mu.Unlock()
		select {
		case <-t.woken:
		case <-l.failed:
		case <-timer.C:
			late = true
		}
		l.mu.Lock()
	}
}

// busy says what the line waits for. l.mu is held.
func (l *Log) busy() error {
	return fmt.Errorf("%w: no turn for %v, %d bytes wait to be written at %d", ErrBusy, l.opts.MaxWait, len(l.filling.buf), l.written.Load())
}

// admit makes the append of t, the first of the line, and of those behind it
// that there is room for. l.mu is held.
func (l *Log) admit(t *turn) {
	for {
		if t.f != nil {
			t.off = l.place(t.n, t.within, t.f)
		}
		t.done = true
		l.line = slices.Delete(l.line, 0, 1)
		poke(t.woken)
		if t.f == nil || len(l.line) == 0 || l.roomFor(l.line[0]) != fits {
			return
		}
		t = l.line[0]
	}
}

func (l *Log) roomFor(t *turn) fit {
	if t.f == nil {
		_, r := l.rawRoom(t.n)
		return r
	}
	return l.room(t.n)
}

// leave takes t out of the line, if it is still there, and lets the next one
// try. l.mu is held.
func (l *Log) leave(t *turn) {
	if i := slices.Index(l.line, t); i >= 0 {
		l.line = slices.Delete(l.line, i, i+1)
	}
	l.wake()
}

// came ends the waiting for what. l.mu is held.
func (l *Log) came(what fit) {
	if l.stuck == what {
		l.stuck = fits
	}
	l.wake()
}

// wake lets the first of the line look again. l.mu is held.
func (l *Log) wake() {
	if len(l.line) > 0 {
		poke(l.line[0].woken)
	}
}

// require sees to it that what the first of the line waits for will come, or
// says why it cannot. l.mu is held.
func (l *Log) require(r fit) error {
	if err := l.refusal(); err != nil {
		return err
	}
	switch {
	case r == refused:
		return fmt.Errorf("%w: at %d, %d bytes before the end of a segment", ErrUnaligned, l.end.Load(), l.limit-l.end.Load())
	case r == awaitSegment && l.full:
		return fmt.Errorf("%w: the log ends at %d", ErrFull, l.end.Load())
	case r == awaitSegment:
		poke(l.prepare)
	default:
		poke(l.kicks) // it may be lingering
	}
	return nil
}
