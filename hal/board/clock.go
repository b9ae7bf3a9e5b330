package board

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// A ClockTrust says how far the wall clock can be believed. Boards without a
// battery start in the past, and jump when a time server answers.
type ClockTrust int

// From the least to the most.
const (
	ClockWrong  ClockTrust = iota // earlier than this program was made
	ClockUnset                    // nobody is known to have set it
	ClockKept                     // a clock with a battery has set it when the machine started
	ClockSynced                   // something keeps it at true time now
)

// String names the trust.
func (t ClockTrust) String() string {
	return [...]string{"wrong", "unset", "kept", "synced"}[max(0, min(t, ClockSynced))]
}

// Clock is what is known of the wall clock.
type Clock struct {
	Now       time.Time
	Built     time.Time // when this program was made; zero if unknown
	Kernel    bool      // adjtimex(2) says that it is synchronised
	Timesyncd bool      // systemd-timesyncd has synchronised it since the machine started
	Battery   bool      // a clock with a battery has set it
}

// Trust judges the clock. What is before this program was made is wrong
// whoever has set it.
func (c *Clock) Trust() ClockTrust {
	switch {
	case c.Now.Before(c.Built):
		return ClockWrong
	case c.Kernel || c.Timesyncd:
		return ClockSynced
	case c.Battery:
		return ClockKept
	default:
		return ClockUnset
	}
}

// Clock reads what is known of the clock, which shows now in a program that was
// made at built, as Built tells. What cannot be read speaks for nothing.
func (b *Board) Clock(now, built time.Time) Clock {
	var t unix.Timex // modes 0: nothing is changed
	state, err := unix.Adjtimex(&t)
	return Clock{
		Now: now, Built: built,
		Kernel:    err == nil && synchronised(state, t.Status),
		Timesyncd: exists(filepath.Join(b.opts.Run, "systemd", "timesync", "synchronized")),
		Battery:   b.setByBattery(),
	}
}

// synchronised reads what adjtimex has answered.
func synchronised(state int, status int32) bool {
	return state != unix.TIME_ERROR && status&unix.STA_UNSYNC == 0
}

// setByBattery says whether a real-time clock has set the wall clock at boot:
// hctosys is 1 for the one that did.
func (b *Board) setByBattery() bool {
	for _, dir := range folders(b.sys("class", "rtc"), "rtc*") {
		if word(filepath.Join(dir, "hctosys")) == "1" {
			return true
		}
	}
	return false
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Built returns when a program's sources were committed, zero if it does not say:
// nothing that happens in it can be earlier.
func Built(info *debug.BuildInfo) time.Time {
	if info == nil {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}
