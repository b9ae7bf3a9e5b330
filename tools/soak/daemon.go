package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// How long the daemon may take to answer its first request, and to stop.
const (
	startTime  = 30 * time.Second
	stopTime   = 30 * time.Second
	lookEvery  = 100 * time.Millisecond
	portsTried = 50
)

// A daemon is the pairmqd that is soaked.
type daemon struct {
	cmd  *exec.Cmd
	done chan struct{}
	anon atomic.Int64 // the most bytes that were its own and resident
	log  string
}

// startDaemon starts it in the cgroup and returns once it answers at addr.
func startDaemon(ctx context.Context, g *cgroup, dir string, argv []string, addr string) (*daemon, error) {
	d := &daemon{log: filepath.Join(dir, "pairmqd.log"), done: make(chan struct{})}
	out, err := os.Create(d.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	argv = g.enter(argv)
	d.cmd = exec.Command(argv[0], argv[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = out, out
	// An interrupt is for this program, which ends the other; if it cannot, the kernel does.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.cmd.Wait(); close(d.done) }()
	go d.look()
	for until := time.Now().Add(startTime); ; {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return d, c.Close()
		}
		select {
		case <-d.done:
			return nil, fmt.Errorf("pairmqd ended: %v; see %s", d.cmd.ProcessState, d.log)
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), d.stop())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(until) {
			return nil, errors.Join(fmt.Errorf("pairmqd does not answer within %v: %w; see %s", startTime, err, d.log), d.stop())
		}
	}
}

// look takes note of the daemon's own memory until it ends.
func (d *daemon) look() {
	for {
		select {
		case <-d.done:
			return
		case <-time.After(lookEvery):
		}
		d.anon.Store(max(d.anon.Load(), d.own()))
	}
}

// own is how many bytes are the daemon's own and resident now; 0 when it has ended.
func (d *daemon) own() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
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
func (d *daemon) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-d.done:
	case <-time.After(stopTime):
		d.cmd.Process.Kill()
		<-d.done
		return fmt.Errorf("pairmqd did not end within %v of SIGTERM; see %s", stopTime, d.log)
	}
	if !d.cmd.ProcessState.Success() {
		return fmt.Errorf("pairmqd ended: %v; see %s", d.cmd.ProcessState, d.log)
	}
	return nil
}

// freePort finds a port such that the others a broker takes, two below and one
// above, are free as well.
func freePort() (int, error) {
	var last error
	for range portsTried {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := ln.Addr().(*net.TCPAddr).Port
		free := true
		for _, p := range []int{port - 2, port + 1} {
			other, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(p))
			if err != nil {
				free, last = false, err
				continue
			}
			last = errors.Join(last, other.Close())
		}
		if err := ln.Close(); err != nil {
			return 0, err
		}
		if free {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no four free ports beside each other in %d tries: %w", portsTried, last)
}
