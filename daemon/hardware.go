package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	hw "pairmq/hal/watchdog"
	"pairmq/internal/lifecycle"
)

// How a hardware watchdog is used.
const (
	// hardwareTime is how long after the last sign of life the machine is reset, or less
	// where the hardware cannot wait so long.
	hardwareTime = time.Minute
	// startTime is for how long a start that finds the timer running is trusted: a
	// reset in the middle of a recovery would lead to the next one.
	startTime = 10 * time.Minute
	// stopTime is for how long a stop is.
	stopTime = 2 * time.Minute
)

// A hardwareDog is the machine's own watchdog. Once clients are served, it is fed while
// the daemon works. Before that it is left alone, unless its timer runs already: then, as
// during a stop, it is fed for a while whatever happens. The zero device is none.
type hardwareDog struct {
	path  string // "" for none
	open  func(path string, timeout time.Duration) (device, error)
	ticks func(path string) bool
	log   *slog.Logger

	mu     sync.Mutex
	dev    device
	trust  time.Time // fed by itself until then
	failed bool      // the last feed did
}

// A device is what is needed of a *hw.Device.
type device interface {
	Timeout() time.Duration
	Feed() error
	Disarm() error
	Abandon() error
}

// newHardwareDog returns the one at path, which need not be there.
func newHardwareDog(path string, log *slog.Logger) *hardwareDog {
	return &hardwareDog{path: path, ticks: hw.Ticks, log: log, open: func(path string, timeout time.Duration) (device, error) {
		return hw.Open(path, timeout)
	}}
}

// begin takes over a timer that runs already, and feeds it while it is trusted, until release
// is called when the daemon has ended.
func (h *hardwareDog) begin(ctx context.Context) (dog *hardwareDog, release func(clean bool)) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	fed := lifecycle.NewGroup(ctx)
	fed.Go("hardware watchdog", h.run)
	h.starting()
	return h, func(clean bool) {
		stop()
		_ = fed.Wait() // it fails never
		h.end(clean)
	}
}

// starting takes over a timer that runs, for the time of a start.
func (h *hardwareDog) starting() {
	if h.path == "" || !h.ticks(h.path) {
		return
	}
	h.log.Warn("the hardware watchdog's timer runs already: it is fed while the daemon starts", "watchdogDevice", h.path)
	h.arm()
	h.trustFor(startTime)
}

// serving has the device fed by alive alone from now on.
func (h *hardwareDog) serving() {
	if h.path == "" {
		return
	}
	h.arm()
	h.trustFor(0)
}

// arm opens the device, if it is not open. A daemon that cannot have it serves without.
func (h *hardwareDog) arm() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dev != nil {
		return
	}
	dev, err := h.open(h.path, hardwareTime)
	if err != nil {
		hint := "is it there, and may this user write to it?"
		if errors.Is(err, hw.ErrBusy) {
			hint = "only one program can feed it: leave watchdogDevice empty, or stop the other one"
		}
		h.log.Error("no hardware watchdog: nothing resets this machine when it hangs", "watchdogDevice", h.path, "err", err, "hint", hint)
		return
	}
	h.dev = dev
	h.log.Info("the hardware watchdog is armed", "watchdogDevice", h.path, "seconds", dev.Timeout().Seconds())
}

// timeout is after how long without alive the machine is reset; 0 if nothing resets it.
func (h *hardwareDog) timeout() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dev == nil {
		return 0
	}
	return h.dev.Timeout()
}

// alive feeds the device.
func (h *hardwareDog) alive() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.feed()
}

// feed feeds the device; h.mu is held.
func (h *hardwareDog) feed() {
	if h.dev == nil {
		return
	}
	err := h.dev.Feed()
	if err != nil && !h.failed {
		h.log.Error("the hardware watchdog cannot be fed: it will reset the machine", "watchdogDevice", h.path, "err", err)
	}
	h.failed = err != nil
}

// trustFor has run feed the device by itself for so long.
func (h *hardwareDog) trustFor(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trust = time.Now().Add(d)
	h.feed()
}

// run feeds the device while it is trusted, until ctx ends.
func (h *hardwareDog) run(ctx context.Context) error {
	if h.path == "" {
		return nil
	}
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			h.mu.Lock()
			if now.Before(h.trust) {
				h.feed()
			}
			h.mu.Unlock()
		}
	}
}

// stopping has the device fed while the daemon stops.
func (h *hardwareDog) stopping() { h.trustFor(stopTime) }

// end stops the timer after a clean stop, and otherwise leaves it running: whoever starts
// the daemon again has until then, and if nobody does, the machine is reset.
func (h *hardwareDog) end(clean bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dev == nil {
		return
	}
	dev := h.dev
	h.dev = nil
	if !clean {
		h.log.Warn("the hardware watchdog stays armed: the machine is reset unless the daemon is started again in time", "watchdogDevice", h.path, "seconds", dev.Timeout().Seconds())
		if err := dev.Abandon(); err != nil {
			h.log.Warn("closing the hardware watchdog failed", "err", err)
		}
		return
	}
	if err := dev.Disarm(); err != nil {
		h.log.Warn("the hardware watchdog is not stopped", "watchdogDevice", h.path, "err", fmt.Errorf("%w; who stops this daemon must feed it", err))
	}
}
