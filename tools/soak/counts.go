package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/harness"
)

// counts is what happened, over all connections.
type counts struct {
	mu                         sync.Mutex
	sent, sendBusy, sendLost   int // acknowledged; refused; the connection was lost, or there was no answer
	pulled, pullBusy, pullLost int // messages; requests that were refused; that were lost
	beats, beatsLost           int // answered; not
	slowest                    time.Duration
	otherwise                  map[string]int // refusals that are not SYSTEM_BUSY
}

func newCounts() *counts { return &counts{otherwise: map[string]int{}} }

// note counts an error as a refusal or as the loss of a connection.
func (c *counts) note(err error, busy, lost *int) {
	var no harness.Refusal
	switch {
	case !errors.As(err, &no):
		*lost++
	case no.Code == remoting.RespSystemBusy:
		*busy++
	default:
		*busy++
		c.otherwise[no.Error()]++
	}
}

func (c *counts) send(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.sent++
		return
	}
	c.note(err, &c.sendBusy, &c.sendLost)
}

func (c *counts) pull(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.pulled++
		return
	}
	c.note(err, &c.pullBusy, &c.pullLost)
}

func (c *counts) beat(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beats++
	c.slowest = max(c.slowest, took)
}

func (c *counts) beatLost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beatsLost++
}

// print writes what happened since the last time, under the name of what did it.
func (c *counts) print(w io.Writer, phase string, took time.Duration, own int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(w, "  %-8s %6.1f s: sent %d (%d refused, %d lost), pulled %d (%d refused, %d lost), heartbeats %d (%d lost), the slowest %v; %.1f MiB its own\n", phase, took.Seconds(),
		c.sent, c.sendBusy, c.sendLost, c.pulled, c.pullBusy, c.pullLost, c.beats, c.beatsLost, c.slowest.Round(time.Millisecond), mib(own))
	for what, n := range c.otherwise {
		fmt.Fprintf(w, "    %d times %s\n", n, what)
	}
	c.sent, c.sendBusy, c.sendLost, c.pulled, c.pullBusy, c.pullLost, c.beats, c.beatsLost, c.slowest = 0, 0, 0, 0, 0, 0, 0, 0, 0
	clear(c.otherwise)
}
