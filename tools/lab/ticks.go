package main

import (
	"fmt"
	"time"
)

// tickTime is how long the counter is watched.
const tickTime = 100 * time.Millisecond

// tickOption tells a kernel how fast its processor counts (TSC), which under qemu is
// what the host's counts. By itself it measures that at every boot, for 10 ms of an emulated
// timer: where the host lets the machine wait just then it comes out several times too
// slow, sometimes fifty times. Time flies in such a machine: systemd gives up on each
// service before it has started, over and over.
func tickOption() string { return fmt.Sprintf(" tsc_early_khz=%d", tickRate()) }

// tickRate is what this host's processor counts in a millisecond.
func tickRate() int64 {
	before, began := readTicks()
	time.Sleep(tickTime)
	after, ended := readTicks()
	return (after - before) * int64(time.Millisecond) / int64(ended.Sub(began))
}

// readTicks returns the counter and when it was read: of some readings that which
// took the least time, so that none that was interrupted counts.
func readTicks() (count int64, at time.Time) {
	least := time.Duration(1<<63 - 1)
	for range 100 {
		began := time.Now()
		n := ticks()
		if took := time.Since(began); took < least {
			least, count, at = took, n, began.Add(took/2)
		}
	}
	return count, at
}
