package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A watch tells how much of the machine's processors others take while
// something is measured.
type watch struct {
	own   func() (time.Duration, error) // processor time of the processes that are measured and measure
	begin usage
	used  time.Duration
}

func startWatch(own func() (time.Duration, error)) (*watch, error) {
	w := &watch{own: own}
	var err error
	if w.used, err = own(); err != nil {
		return nil, err
	}
	w.begin, err = processors()
	return w, err
}

// others returns their share in percent of all processors. The kernel's own
// threads, which write to the disk for whomever, count as others, and so does
// what the machine's host gave to somebody else.
func (w *watch) others() (float64, error) {
	end, err := processors()
	if err != nil {
		return 0, err
	}
	used, err := w.own()
	if err != nil {
		return 0, err
	}
	return share(w.begin, end, used-w.used), nil
}

// share is what is left of the time between two usages without own, in percent.
func share(begin, end usage, own time.Duration) float64 {
	busy := float64(end.busy-begin.busy) - float64(own)/float64(clockTick)
	return max(0, 100*busy/float64(max(1, end.all-begin.all)))
}

// selfCPU is the processor time that this process has used.
func selfCPU() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// A usage is time of all processors together, in the kernel's ticks.
type usage struct{ busy, all uint64 }

func processors() (usage, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return usage{}, err
	}
	return parseUsage(b)
}

// parseUsage reads the first line of /proc/stat: user, nice, system, idle,
// iowait, and more that is not idle; guest times are part of the first two.
func parseUsage(b []byte) (usage, error) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	f := bytes.Fields(line)
	if len(f) < 9 || string(f[0]) != "cpu" {
		return usage{}, fmt.Errorf("processors: %w", errProc)
	}
	var u usage
	for i, field := range f[1:9] {
		n, err := strconv.ParseUint(string(field), 10, 62)
		if err != nil {
			return usage{}, fmt.Errorf("processors: %w: %w", errProc, err)
		}
		u.all += n
		if i != 3 && i != 4 {
			u.busy += n
		}
	}
	return u, nil
}
