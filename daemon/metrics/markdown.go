package metrics

import (
	"fmt"
	"strings"
)

// Markdown returns every metric as the page of docs that people read.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Metrics\n\nThis page is made from the program: `make generate`. [operations.md](operations.md) says how to scrape them and what to be\n" +
		"alarmed by. A counter, and a histogram, begins anew with each start and each change of role; Prometheus knows what to do then.\nMetrics of what a broker is not, such as those of a slave on a master, are not there. Histograms have buckets of 1, 2, 5, 10 and so on from\n10 µs to 10 s.\n\n" +
		"| name | type | labels | unit | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range Families() {
		labels := "-"
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.Name, f.Kind, labels, f.Unit(), f.Help)
	}
	return b.String()
}

// Unit is what the values count, from the name.
func (f *Family) Unit() string {
	name := strings.TrimSuffix(f.Name, "_total")
	for _, unit := range []string{"seconds", "bytes", "celsius", "ratio", "messages", "info"} {
		if strings.HasSuffix(name, "_"+unit) {
			return map[string]string{"info": "always 1", "celsius": "°C", "ratio": "0 to 1"}[unit] + map[string]string{"seconds": "seconds", "bytes": "bytes", "messages": "messages"}[unit]
		}
	}
	return "number"
}
