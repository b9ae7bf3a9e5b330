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
	"strings"
	"syscall"
	"time"

	"pairmq/tools/harness"
)

// How long a daemon may take to say READY=1, and to end.
const (
	readyTime = 30 * time.Second
	stopTime  = 30 * time.Second
)

// A spawn is how a daemon is started.
type spawn struct {
	bin, dir string
	port     int // of the broker; the name server's is two above
}

func (s *spawn) broker() string  { return harness.Loopback(s.port) }
func (s *spawn) namesrv() string { return harness.Loopback(s.port + 2) }

// A daemon is one that runs.
type daemon struct {
	*harness.Process
	ready time.Duration // from the start to READY=1
}

// start starts a daemon as systemd would, and waits for its READY=1.
func (s *spawn) start(ctx context.Context) (*daemon, error) {
	socket := filepath.Join(s.dir, "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	defer func() { told.Close(); os.Remove(socket) }() // the next start listens there again
	p, err := harness.Start(harness.Spawn{
		Argv: []string{s.bin, "--brokerName=budget", "--brokerIP1=127.0.0.1", "--bindAddress=127.0.0.1", "--enableNamesrv=true",
			"--namesrvListenPort=" + strconv.Itoa(s.port+2), "--listenPort=" + strconv.Itoa(s.port), "--haListenPort=" + strconv.Itoa(s.port+1),
			"--storePathRootDir=" + filepath.Join(s.dir, "store")},
		Env: []string{"NOTIFY_SOCKET=" + told.LocalAddr().String()},
		Log: filepath.Join(s.dir, "pairmqd.log"),
	})
	if err != nil {
		return nil, err
	}
	d := &daemon{Process: p}
	if err := awaitReady(ctx, told); err != nil {
		return nil, errors.Join(fmt.Errorf("%s does not become ready, see %s: %w", s.bin, d.Log, err), d.stop())
	}
	d.ready = time.Since(d.Started)
	return d, nil
}

// awaitReady reads what the daemon tells until it says that it is ready.
func awaitReady(ctx context.Context, told *net.UnixConn) error {
	if err := told.SetReadDeadline(time.Now().Add(readyTime)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { told.SetReadDeadline(time.Unix(1, 0)) })()
	b := make([]byte, 4<<10)
	for {
		n, err := told.Read(b)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(b[:n]) {
			if strings.TrimSpace(string(line)) == "READY=1" {
				return nil
			}
		}
	}
}

// stop asks the daemon to end, and fails if it does not in time or ends badly.
func (d *daemon) stop() error { return d.StopClean(stopTime) }

// cpuTime is the processor time of all threads of a process, as the scheduler counts
// it: in nanoseconds, where /proc/PID/stat has hundredths of a second.
func cpuTime(pid int) (sum time.Duration, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("process %d: this kernel has no schedstat", pid)
	}
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // that thread has ended
		}
		if err != nil {
			return 0, err
		}
		ns, err := parseSchedstat(b)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", f, err)
		}
		sum += ns
	}
	return sum, nil
}

var errProc = errors.New("not as the kernel writes it")

// parseSchedstat reads the time on a processor, the first of three numbers.
func parseSchedstat(b []byte) (time.Duration, error) {
	f := bytes.Fields(b)
	if len(f) != 3 {
		return 0, fmt.Errorf("%d numbers: %w", len(f), errProc)
	}
	ns, err := strconv.ParseInt(string(f[0]), 10, 64)
	if err != nil || ns < 0 {
		return 0, fmt.Errorf("%q: %w", f[0], errProc)
	}
	return time.Duration(ns), nil
}

// residentKiB is the resident memory of a process.
func residentKiB(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	return parseResident(b)
}

// parseResident finds Rss in /proc/PID/smaps_rollup. VmRSS of status is
// approximate: what threads, or since 6.2 processors, have not added up yet is not in it.
func parseResident(b []byte) (int64, error) {
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) == 3 && string(f[0]) == "Rss:" && string(f[2]) == "kB" {
			n, err := strconv.ParseInt(string(f[1]), 10, 64)
			if err != nil || n < 0 {
				return 0, fmt.Errorf("resident memory %q: %w", f[1], errProc)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("there is no Rss: %w", errProc)
}
