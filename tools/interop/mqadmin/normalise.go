package mqadmin

import (
	"regexp"
	"slices"
	"strings"
)

// masks are what two runs never have alike, most specific first.
var masks = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^\s+(at |\.\.\. \d+ more).*\n?`), ""},                                // of a stack trace the first line counts
	{regexp.MustCompile(`(?m)^.*(OpenJDK|SLF4J|RocketMQLog:|WARNING:).*\n?`), ""},                 // the JVM's own
	{regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{3} (INFO|WARN|ERROR) +\[.*`), ""},                     // log lines, also behind what does not end its own
	{regexp.MustCompile(`(?m)^.*RejectedExecutionException: event executor terminated.*\n?`), ""}, // a client that stops while something comes
	{regexp.MustCompile(`(?m)^.*consumerGroup=__MONITOR_CONSUMER.*\n?`), ""},                      // of itself, if it has committed by then
	{regexp.MustCompile(`(For more information, please visit the url,|See) http\S+( for further details\.?)?,?`), ""},
	{regexp.MustCompile(`(/[\w.-]+){3,}`), "PATH"},
	{regexp.MustCompile(`(?m)^(\w*[pP]ort\s*=\s*)\d+`), "${1}N"},
	{regexp.MustCompile(`\d+(\.\d+){3}@\d+[#@\d]*`), "CLIENT"}, // address@pid#nanoseconds
	{regexp.MustCompile(`(127\.0\.0\.1|localhost)(/127\.0\.0\.1)?:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+(:\d+)?`), "ADDRESS"},
	{regexp.MustCompile(`\b[0-9A-F]{24,64}\b`), "MSGID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T#]\d\d:\d\d:\d\d(,\d+)?`), "TIME"},
	{regexp.MustCompile(`\d+\.\d+(E-?\d+)?`), "F"}, // before its decimals look like a time
	{regexp.MustCompile(`\b\d{14,17}\b`), "TIME"},
	{regexp.MustCompile(`\b\d{13}/[\w.@#]+`), "FILE"},
	{regexp.MustCompile(`\b\d{6,}\b`), "N"},
	{regexp.MustCompile(`<\d+>|\b\d+ ?ms\b`), "N"},
	{regexp.MustCompile(`DESC: .*?(For more information|$|\n)`), "DESC: …\n"}, // a remark is prose
	{regexp.MustCompile(`[ \t]+`), " "},
}

var (
	number = regexp.MustCompile(`-?\b\d+\b`)
	place  = regexp.MustCompile(`\b[1-9]\d*\b`)
)

// Normalise masks what differs from one run to the next: addresses, times, identifiers, sizes; with c.Numbers every
// number, with c.Places those but 0, what c.Hide says, and with c.Sort the order of lines.
func (c Command) Normalise(out string) string {
	for _, m := range masks {
		out = m.find.ReplaceAllString(out, m.with)
	}
	if c.Hide != "" {
		out = regexp.MustCompile(c.Hide).ReplaceAllString(out, "N")
	}
	if c.Numbers {
		out = number.ReplaceAllString(out, "N")
	}
	if c.Places {
		out = place.ReplaceAllString(out, "N")
	}
	var lines []string
	for l := range strings.Lines(out) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	if c.Sort {
		slices.Sort(lines)
	}
	if c.Numbers { // rows of numbers alone are as many as there is time
		lines = slices.Compact(lines)
	}
	return strings.Join(lines, "\n")
}

// complaint is what mqadmin prints instead of failing; it exits with 0.
var complaint = regexp.MustCompile(`Exception|CODE: ?\d+|Error:|command failed|(?i)\bfailed\b.*\bCODE`)

// Complains says whether the output is a failure's.
func Complains(out string) bool { return complaint.MatchString(out) }
