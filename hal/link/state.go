package link

import (
	"fmt"
	"strings"
)

// A State is how it stands with a link.
type State struct {
	Name    string
	Index   int
	Up      bool   // it was switched on
	Carrier bool   // there is somebody at the other end
	Oper    string // the kernel's operstate, such as "up" or "dormant"; many virtual links say "unknown"
	Speed   int    // megabits a second; 0: not told
	In, Out Counts
}

// Counts are what went over a link in one direction since the link was made.
type Counts struct{ Bytes, Errors, Drops uint64 }

// String is the state for people: its name, whether it works, and what went over it.
func (s State) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", s.Name, s.word())
	if s.Speed > 0 {
		fmt.Fprintf(&b, " %d Mbit/s", s.Speed)
	}
	fmt.Fprintf(&b, " %s in %s out", Size(s.In.Bytes), Size(s.Out.Bytes))
	if n := s.In.Errors + s.Out.Errors; n > 0 {
		fmt.Fprintf(&b, " %d errors", n)
	}
	if n := s.In.Drops + s.Out.Drops; n > 0 {
		fmt.Fprintf(&b, " %d dropped", n)
	}
	return b.String()
}

// word says in one word whether packets go over the link.
func (s State) word() string {
	switch {
	case !s.Up:
		return "off"
	case !s.Carrier:
		return "down"
	case s.Oper == "" || s.Oper == "unknown":
		return "up"
	}
	return s.Oper
}

// Describe is the states for people, in one line.
func Describe(list []State) string {
	text := make([]string, len(list))
	for i, s := range list {
		text[i] = s.String()
	}
	return strings.Join(text, "; ")
}

// Size is bytes as those who sell traffic count them: 1.2 GB are 1,200,000,000.
func Size(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n), "kMGTPE"
	for v >= 999.95 && len(units) > 0 {
		if v /= 1000; v < 999.95 {
			break
		}
		units = units[1:]
	}
	return fmt.Sprintf("%.1f %cB", v, units[0])
}
