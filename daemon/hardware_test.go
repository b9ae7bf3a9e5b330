package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	hw "pairmq/hal/watchdog"
)

// A fakeTimer is a hardware watchdog in a synctest bubble: it has reset the machine once
// it was not fed in time.
type fakeTimer struct {
	limit time.Duration
	stays bool // nowayout

	mu    sync.Mutex
	timer *time.Timer
	reset time.Time // when; zero: it has not
	opens int
}

func (f *fakeTimer) open(string, time.Duration) (device, error) {
	f.opens++
	return f, f.Feed()
}

func (f *fakeTimer) Timeout() time.Duration { return f.limit }

func (f *fakeTimer) Feed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer == nil {
		f.timer = time.AfterFunc(f.limit, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.reset = time.Now()
		})
	}
	f.timer.Reset(f.limit)
	return nil
}

func (f *fakeTimer) Disarm() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stays {
		return hw.ErrNoWayOut
	}
	f.timer.Stop()
	return nil
}

func (f *fakeTimer) Abandon() error { return nil }

// after is how long after begin the machine was reset; 0: it was not.
func (f *fakeTimer) after(begin time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reset.IsZero() {
		return 0
	}
	return f.reset.Sub(begin)
}

// TestTheMachineIsResetWhenTheDaemonHangs, and not while it works, starts, or stops.
func TestTheMachineIsResetWhenTheDaemonHangs(t *testing.T) {
	tests := []struct {
		name   string
		ticks  bool          // the timer runs at the start
		start  time.Duration // takes so long
		hangs  time.Duration // after so long of serving; 0: never
		stop   time.Duration // takes so long
		failed bool          // how the daemon ends
		stays  bool
		reset  time.Duration // after the beginning, within the next second; 0: never
		says   string
	}{
		{"works", false, time.Minute, 0, 5 * time.Second, false, false, 0, "is armed"},
		{"hangs", false, 0, 10 * time.Minute, 0, false, false, 10*time.Minute + 10*time.Second, "does not work"},
		{"a long recovery after a crash", true, 5 * time.Minute, 0, 0, false, false, 0, "runs already"},
		{"a recovery that never ends", true, time.Hour, 0, 0, false, false, 10*time.Minute + 14*time.Second, "runs already"},
		{"a long start of a timer that does not run", false, time.Hour, 0, 0, false, false, 0, ""},
		{"a slow stop", false, 0, 0, 100 * time.Second, false, false, 0, ""},
		{"a stop that never ends", false, 0, 0, time.Hour, false, false, 20*time.Minute + 2*time.Minute + 14*time.Second, ""},
		{"it fails, and nobody starts it again", false, 0, 0, 0, true, false, 20*time.Minute + 15*time.Second, "stays armed"},
		{"it cannot be stopped", false, 0, 0, 0, false, true, 20*time.Minute + 15*time.Second, "cannot be stopped"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var text lockedBuffer
				log := slog.New(slog.NewTextHandler(&text, nil))
				f := &fakeTimer{limit: 15 * time.Second, stays: tt.stays}
				h := newHardwareDog("/dev/watchdog", log)
				h.open, h.ticks = f.open, func(string) bool { return tt.ticks }
				begin := time.Now()
				if tt.ticks {
					if err := f.Feed(); err != nil { // by the one before
						t.Fatal(err)
					}
				}
				dog, release := h.begin(t.Context())
				time.Sleep(tt.start)
				dog.serving()
				ctx, cancel := context.WithCancel(t.Context())
				p := &hangingPart{after: tt.hangs, begin: time.Now()}
				w := newWatchdog([]part{p}, dog, log)
				if w == nil || w.period != f.limit {
					t.Fatalf("no watchdog: %+v", w)
				}
				ended := make(chan error)
				go func() { ended <- w.run(ctx) }()
				time.Sleep(20 * time.Minute)
				dog.stopping()
				cancel()
				<-ended
				time.Sleep(tt.stop)
				release(!tt.failed)
				time.Sleep(time.Minute)
				if f.opens != 1 {
					t.Errorf("the device was opened %d times", f.opens)
				}
				at := f.after(begin)
				if tt.reset == 0 && at != 0 || tt.reset != 0 && (at < tt.reset || at > tt.reset+time.Second) {
					t.Errorf("the machine was reset after %v, want %v", at, tt.reset)
				}
				if !strings.Contains(text.String(), tt.says) {
					t.Errorf("the log says %s, want %q", text.String(), tt.says)
				}
				f.timer.Stop()
			})
		})
	}
}

// A hangingPart works for a while.
type hangingPart struct {
	fakePart
	after time.Duration // 0: for ever
	begin time.Time
}

func (p *hangingPart) works(context.Context) error {
	if p.after > 0 && time.Since(p.begin) >= p.after {
		return errors.New("nothing goes on")
	}
	return nil
}

// TestWithoutAHardwareWatchdog: none is asked for, none is opened; one that cannot be had is said.
func TestWithoutAHardwareWatchdog(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	h := newHardwareDog("", log)
	h.open = func(string, time.Duration) (device, error) { t.Error("opened"); return nil, errors.New("opened") }
	dog, release := h.begin(t.Context())
	dog.serving()
	dog.alive()
	dog.stopping()
	if w := newWatchdog(nil, dog, log); w != nil {
		t.Errorf("there is a watchdog: %+v", w)
	}
	release(true)
	if text.Len() > 0 {
		t.Errorf("the log says %q", &text)
	}
	busy := newHardwareDog("/dev/watchdog", log)
	busy.open = func(string, time.Duration) (device, error) { return nil, fmt.Errorf("%w: busy", hw.ErrBusy) }
	busy.serving()
	if w := newWatchdog(nil, busy, log); w != nil || !strings.Contains(text.String(), "only one program can feed it") {
		t.Errorf("one that another program has: %+v, the log says %q", w, &text)
	}
}
