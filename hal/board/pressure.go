package board

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// The resources that tasks can wait for.
const (
	CPU    = "cpu"
	IO     = "io"
	Memory = "memory"
)

// A Stall is how much of the time tasks have waited, in percent of the last 10,
// 60 and 300 seconds, and in all since the machine started.
type Stall struct {
	Avg10, Avg60, Avg300 float64
	Total                time.Duration
}

// A Pressure is how much is waited for a resource.
type Pressure struct {
	Some Stall // at least one task has waited
	Full Stall // all have, and nothing was done; of the processor it is told in cgroups only
}

// Pressure reads /proc/pressure of CPU, IO or Memory. Kernels before 4.20 have
// none (the error wraps fs.ErrNotExist), nor have those that were started with psi=0.
func (b *Board) Pressure(resource string) (Pressure, error) {
	name := b.proc("pressure", resource)
	text, err := read(name)
	if err != nil {
		return Pressure{}, err
	}
	return parsePressure(name, text)
}

// parsePressure reads lines such as
//
//	some avg10=0.22 avg60=0.17 avg300=1.11 total=58761459
//
// with the total in microseconds.
func parsePressure(name, text string) (p Pressure, err error) {
	found := false
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		s, ok := parseStall(rest)
		switch {
		case !ok:
			return Pressure{}, nonsense(name, line)
		case kind == "some":
			p.Some, found = s, true
		case kind == "full":
			p.Full = s
		}
	}
	if !found {
		return Pressure{}, nonsense(name, text)
	}
	return p, nil
}

func parseStall(text string) (s Stall, ok bool) {
	seen := 0
	for _, field := range strings.Fields(text) {
		key, value, _ := strings.Cut(field, "=")
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || !(v >= 0 && v <= math.MaxInt64/float64(time.Microsecond)/2) {
			return Stall{}, false
		}
		seen++
		switch key {
		case "avg10":
			s.Avg10 = v
		case "avg60":
			s.Avg60 = v
		case "avg300":
			s.Avg300 = v
		case "total":
			s.Total = time.Duration(v) * time.Microsecond
		default: // of a later kernel
			seen--
		}
	}
	return s, seen == 4
}
