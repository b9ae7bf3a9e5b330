package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"pairmq/tools/harness"
)

// How long the daemon may take to answer its first request, and to stop.
const (
	startTime = 30 * time.Second
	stopTime  = 30 * time.Second
	lookEvery = 100 * time.Millisecond
)

// A daemon is the pairmqd that is soaked.
type daemon struct {
	*harness.Process
	anon atomic.Int64 // the most bytes that were its own and resident
}

// startDaemon starts it in the cgroup and returns once it answers at addr.
func startDaemon(ctx context.Context, g *harness.Cgroup, dir string, argv []string, addr string) (*daemon, error) {
	p, err := harness.Start(harness.Spawn{Argv: g.Enter(argv), Log: filepath.Join(dir, "pairmqd.Log")})
	if err != nil {
		return nil, err
	}
	d := &daemon{Process: p}
	go d.look()
	for until := time.Now().Add(startTime); ; {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return d, c.Close()
		}
		select {
		case <-d.Done:
			return nil, d.Ended()
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), d.stop())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(until) {
			return nil, errors.Join(fmt.Errorf("pairmqd does not answer within %v: %w; see %s", startTime, err, d.Log), d.stop())
		}
	}
}

// look takes note of the daemon's own memory until it ends.
func (d *daemon) look() {
	for {
		select {
		case <-d.Done:
			return
		case <-time.After(lookEvery):
		}
		d.anon.Store(max(d.anon.Load(), d.own()))
	}
}

// own is how many bytes are the daemon's own and resident now; 0 when it has ended.
func (d *daemon) own() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.PID()))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b, []byte("\nRssAnon:"))
	if f := bytes.Fields(rest); len(f) > 0 {
		if kib, err := strconv.ParseInt(string(f[0]), 10, 64); err == nil {
			return kib << 10
		}
	}
	return 0
}

// stop asks it to end and fails if it does not, or has ended otherwise.
func (d *daemon) stop() error { return d.StopClean(stopTime) }
