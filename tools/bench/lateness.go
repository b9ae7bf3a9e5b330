package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// A ledger knows of each message that waits when it is due, and when it came.
type ledger struct {
	mu     sync.Mutex // guards the rest
	rng    *rand.Rand // of the delays: the same in each ledger
	sent   []waiting  // by number
	done   int        // of sent, that came or were refused
	sealed bool       // no more are sent
	all    chan struct{}
}

// A waiting message is one that was sent and is due later.
type waiting struct {
	kind  int
	due   time.Time
	times int           // that it came
	no    bool          // the broker refused it
	late  time.Duration // the first time; negative: early
}

func newLedger() *ledger {
	return &ledger{rng: rand.New(rand.NewPCG(1, 2)), all: make(chan struct{})}
}

// enter takes note of a message of kind that is sent now and returns its number and
// delay. It is due so long after the begin of the millisecond that is now: brokers know no
// shorter time, and one that keeps its promise is never earlier.
func (l *ledger) enter(kind int, now time.Time, delay func(*rand.Rand) time.Duration) (number uint64, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d = delay(l.rng)
	l.sent = append(l.sent, waiting{kind: kind, due: time.UnixMilli(now.UnixMilli()).Add(d)})
	return uint64(len(l.sent) - 1), d
}

// arrive takes note that a message came. One that was never sent is an error.
func (l *ledger) arrive(number uint64, at time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if number >= uint64(len(l.sent)) {
		return fmt.Errorf("message %d came, and %d were sent", number, len(l.sent))
	}
	m := &l.sent[number]
	if m.times++; m.times > 1 {
		return nil
	}
	m.late = at.Sub(m.due)
	if !m.no { // some that are refused are stored all the same
		l.settle()
	}
	return nil
}

// refuse takes note that the broker did not take a message, which need not come.
func (l *ledger) refuse(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := &l.sent[number]
	m.no = true
	if m.times == 0 {
		l.settle()
	}
}

// settle takes note that one more is not waited for.
func (l *ledger) settle() {
	if l.done++; l.sealed && l.done == len(l.sent) {
		close(l.all)
	}
}

// wait waits, once all are sent, until they have come or should have for so long.
func (l *ledger) wait(ctx context.Context, grace time.Duration) error {
	select {
	case <-l.all:
	case <-time.After(time.Until(l.seal().Add(grace))):
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// seal says that all are sent, and returns when the last is due.
func (l *ledger) seal() (last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealed = true
	if l.done == len(l.sent) {
		close(l.all)
	}
	for _, m := range l.sent {
		if m.due.After(last) {
			last = m.due
		}
	}
	return last
}

// A lateness is how the messages of one kind came.
type lateness struct {
	late                               []time.Duration // of those that came, from the earliest to the latest
	sent, refused, early, twice, never int             // messages; sent: without the refused; twice: or more often
}

// lateness returns how those of kind came.
func (l *ledger) lateness(kind int) (s lateness) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.sent {
		if m.kind != kind {
			continue
		}
		if m.no && m.times == 0 {
			s.refused++
			continue
		}
		s.sent++
		if m.times == 0 {
			s.never++
			continue
		}
		s.late = append(s.late, m.late)
		if m.late < 0 {
			s.early++
		}
		if m.times > 1 {
			s.twice++
		}
	}
	slices.Sort(s.late)
	return s
}

// quantile returns the lateness that the share q (0 to 1) of those that came does not
// exceed: one that was measured. It must not be asked when none came.
func (s lateness) quantile(q float64) time.Duration {
	return s.late[max(0, int(math.Ceil(q*float64(len(s.late))))-1)]
}

// values is what a sample keeps.
func (s lateness) values() map[string]float64 {
	v := map[string]float64{
		metricMessages: float64(s.sent), metricEarly: float64(s.early), metricTwice: float64(s.twice), metricNever: float64(s.never), metricErrors: float64(s.refused),
	}
	if len(s.late) > 0 {
		v[metricMin], v[metricP50], v[metricP99], v[metricMax] = micros(s.late[0]), micros(s.quantile(0.5)), micros(s.quantile(0.99)), micros(s.quantile(1))
	}
	return v
}

// broken says as an error what of its promise a broker did not keep.
func (s lateness) broken() error {
	if s.early+s.twice+s.never == 0 {
		return nil
	}
	return fmt.Errorf("of %d delayed messages %d came early, %d more than once and %d never", s.sent, s.early, s.twice, s.never)
}
