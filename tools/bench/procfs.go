package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

var errProc = errors.New("not as the kernel writes it")

// memory is what a process holds, in KiB.
type memory struct{ rss, hwm, anon float64 }

func (p *process) memory() (memory, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return memory{}, err
	}
	return parseStatus(b)
}

// parseStatus reads /proc/PID/status.
func parseStatus(b []byte) (memory, error) {
	var m memory
	for key, to := range map[string]*float64{"VmRSS": &m.rss, "VmHWM": &m.hwm, "RssAnon": &m.anon} {
		_, rest, ok := bytes.Cut(append([]byte("\n"), b...), []byte("\n"+key+":"))
		fields := bytes.Fields(rest)
		if !ok || len(fields) < 2 || string(fields[1]) != "kB" {
			return memory{}, fmt.Errorf("status, %s: %w", key, errProc)
		}
		n, err := strconv.ParseUint(string(fields[0]), 10, 52)
		if err != nil {
			return memory{}, fmt.Errorf("status, %s: %w", key, errProc)
		}
		*to = float64(n)
	}
	return m, nil
}

// cpu returns the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, err
	}
	return parseStat(b)
}

// clockTick is the unit of times in /proc/PID/stat: USER_HZ, 100 on all of
// Linux's architectures that a broker runs on.
const clockTick = 10 * time.Millisecond

// parseStat reads utime and stime, fields 14 and 15 of /proc/PID/stat, whose
// second field, the name in brackets, may hold anything.
func parseStat(b []byte) (time.Duration, error) {
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat, %d fields: %w", len(fields), errProc)
	}
	var sum time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.ParseUint(f, 10, 38) // two of them fit a time.Duration: 87 years each
		if err != nil {
			return 0, fmt.Errorf("stat: %w: %w", errProc, err)
		}
		sum += time.Duration(n) * clockTick
	}
	return sum, nil
}
