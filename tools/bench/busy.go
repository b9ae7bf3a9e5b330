package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

// quiet empties the page cache of what is to be written, and returns how much of
// the machine's processors others take, in percent: a pair that nobody loads
// takes next to nothing.
func (r *runner) quiet(ctx context.Context) (busy float64, err error) {
	if err := r.sync(); err != nil {
		return 0, err
	}
	before, err := processors()
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(time.Second):
	}
	after, err := processors()
	if err != nil {
		return 0, err
	}
	return 100 * float64(after.busy-before.busy) / float64(max(1, after.all-before.all)), nil
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
