// Package watchdog feeds a hardware watchdog: a timer that resets the machine
// unless it is written to in time, whatever has become of the program that should.
//
// It knows the device and nothing of why it is fed. Opening it starts the timer;
// only Disarm stops it again, where the driver lets that happen.
//
// Format: Linux, Documentation/watchdog/watchdog-api.rst.
package watchdog

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// What a caller may have to tell apart.
var (
	// ErrBusy: another program has the device: systemd's RuntimeWatchdogSec, a watchdogd.
	ErrBusy = errors.New("watchdog: another program has it")
	// ErrNoWayOut: the timer goes on although it was asked to stop.
	ErrNoWayOut = errors.New("watchdog: it cannot be stopped")
)

// magic, written last, says that closing the device is meant to stop it.
const magic = "V"

// A driver is what Device needs of an open device node.
type driver interface {
	io.WriteCloser
	setTimeout(seconds int) (now int, err error) // drivers round
	timeout() (seconds int, err error)
	noWayOut() bool
}

// A Device is an open watchdog. It is for one goroutine.
type Device struct {
	d     driver
	limit time.Duration
}

// arm sets how long the timer runs: wanted, or the most below that the hardware can, or what
// it has anyhow.
func arm(d driver, wanted time.Duration) (*Device, error) {
	for s := int(wanted / time.Second); s > 0; s /= 2 {
		if now, err := d.setTimeout(s); err == nil && now > 0 {
			return &Device{d, time.Duration(now) * time.Second}, nil
		}
	}
	s, err := d.timeout()
	if err == nil && s > 0 {
		return &Device{d, time.Duration(s) * time.Second}, nil
	}
	// Nobody knows when it is to be fed: a machine that is reset again and again is
	// worse than one without a watchdog.
	_, werr := d.Write([]byte(magic))
	return nil, errors.Join(fmt.Errorf("watchdog: it does not say after how long it resets the machine (%d s): %w", s, err), werr, d.Close())
}

// Timeout is how long after it was fed last the machine is reset.
func (d *Device) Timeout() time.Duration { return d.limit }

// Feed starts the timer anew.
func (d *Device) Feed() error {
	if _, err := d.d.Write([]byte{0}); err != nil { // anything but magic
		return fmt.Errorf("watchdog: feed: %w", err)
	}
	return nil
}

// Disarm stops the timer and closes the device. It fails with ErrNoWayOut where the driver
// was told never to stop: the device was fed for the last time then.
func (d *Device) Disarm() error {
	stays := d.d.noWayOut()
	_, err := d.d.Write([]byte(magic))
	if err = errors.Join(err, d.d.Close()); err != nil {
		return fmt.Errorf("watchdog: stop: %w", err)
	}
	if stays {
		return fmt.Errorf("%w: the machine is reset in %v unless somebody feeds it", ErrNoWayOut, d.limit)
	}
	return nil
}

// Abandon closes the device and leaves the timer running: the machine is reset
// unless somebody opens it again in time.
func (d *Device) Abandon() error {
	if err := d.d.Close(); err != nil {
		return fmt.Errorf("watchdog: %w", err)
	}
	return nil
}
