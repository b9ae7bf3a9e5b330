package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// What stands between the markers in the Markdown file is written by this
// program; the rest is written by people.
const (
	beginMark = "<!-- measured: written by make bench, not by hand -->"
	endMark   = "<!-- end of what was measured -->"
)

var errMarkers = errors.New("the markers are missing")

// writeMarkdown replaces the tables in file.
func writeMarkdown(file string, r *report) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: it has the text around the tables, with the lines %q and %q", err, beginMark, endMark)
	}
	if err != nil {
		return err
	}
	out, err := replaceBetween(text, []byte(r.markdown()))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return replaceFile(file, out)
}

func replaceBetween(text, tables []byte) ([]byte, error) {
	before, rest, ok := bytes.Cut(text, []byte(beginMark))
	_, after, closed := bytes.Cut(rest, []byte(endMark))
	if !ok || !closed {
		return nil, fmt.Errorf("%w: %q … %q", errMarkers, beginMark, endMark)
	}
	return bytes.Join([][]byte{before, []byte(beginMark + "\n\n"), tables, []byte(endMark), after}, nil), nil
}

// markdown returns all tables and what they were measured with.
func (r *report) markdown() string {
	var w strings.Builder
	r.setting.writeTo(&w, r.last(isAlone))
	for _, flush := range flushes() {
		r.writeSends(&w, flush)
	}
	r.writePulls(&w)
	r.writeStarts(&w)
	r.writeMemory(&w)
	r.writeNamesrvs(&w)
	r.writePairs(&w)
	r.writeRecovery(&w)
	r.writeDelays(&w)
	r.writeWear(&w)
	r.writeErrors(&w)
	return w.String()
}

// last is the day of the last sample of such cells.
func (r *report) last(such func(cell string) bool) string {
	day := "never"
	for _, s := range r.Samples {
		if such(s.Cell) {
			day = s.At.Format("2006-01-02")
		}
	}
	return day
}

// writeTo writes what was measured with, until that day.
func (s *setting) writeTo(w *strings.Builder, day string) {
	m := s.Machine
	fmt.Fprintf(w, "Measured %s on %d × %s, %s of memory, Linux %s, %s; %s, %s.\n\n", day, m.CPUs, m.CPU, m.Memory, m.Kernel, m.Disk, m.Java, m.Go)
	fmt.Fprintf(w, "`%s`\n\n", s.Command)
	for _, name := range targetNames() {
		if v, ok := s.Targets[name]; ok {
			fmt.Fprintf(w, "* %s: %s\n", name, v)
		}
	}
	w.WriteString("\n")
}

// writeSends writes the table of one flush policy. The disk by itself is only
// a yardstick where every answer waits for it.
func (r *report) writeSends(w *strings.Builder, flush string) {
	t := table{title: "Send, " + flush, labels: 2, head: []string{
		"bytes", "in flight", "pairmqd msg/s", "p50 / p99 ms", "5.4.0 msg/s", "p50 / p99 ms", "4.9.7 msg/s", "p50 / p99 ms", "against the better", "CPU µs/msg: pairmqd, 5.4.0, 4.9.7",
	}}
	if flush == syncFlush {
		t.head = append(t.head, "disk alone msg/s")
	}
	for _, size := range sizes() {
		for _, n := range inFlights() {
			cell := sendCell(flush, size, n)
			row := []string{fmt.Sprint(size), fmt.Sprint(n)}
			for _, name := range []string{ours, v5, v4} {
				row = append(row, r.number(name, cell, metricRate, 1), r.number(name, cell, metricP50, 1e-3)+" / "+r.number(name, cell, metricP99, 1e-3))
			}
			row = append(row, r.ratio(cell, metricRate, false), r.three(cell, metricCPU, 1))
			if flush == syncFlush {
				row = append(row, r.number(limit, cell, metricRate, 1))
			}
			t.rows = append(t.rows, row)
		}
	}
	t.writeTo(w)
}

func (r *report) writePulls(w *strings.Builder) {
	t := table{title: "Pull", labels: 1, head: []string{"bytes", "pairmqd msg/s", "MB/s", "5.4.0 msg/s", "MB/s", "4.9.7 msg/s", "MB/s", "against the better", "CPU µs/msg: pairmqd, 5.4.0, 4.9.7"}}
	for _, size := range sizes() {
		cell := pullCell(size)
		row := []string{fmt.Sprint(size)}
		for _, name := range []string{ours, v5, v4} {
			row = append(row, r.number(name, cell, metricRate, 1), r.number(name, cell, metricBytes, 1e-6))
		}
		t.rows = append(t.rows, append(row, r.ratio(cell, metricRate, false), r.three(cell, metricCPU, 1)))
	}
	t.writeTo(w)
}

func (r *report) writeStarts(w *strings.Builder) {
	t := table{title: "Start, ms from the start of the process to its first answer", labels: 1, head: []string{"store", "pairmqd", "5.4.0", "4.9.7", "against the better"}}
	for _, c := range []struct{ label, cell string }{{"empty", cellStartEmpty}, {"as the load left it, stopped cleanly", cellStartStored}} {
		row := []string{c.label}
		for _, name := range []string{ours, v5, v4} {
			row = append(row, r.number(name, c.cell, metricMillis, 1))
		}
		t.rows = append(t.rows, append(row, r.ratio(c.cell, metricMillis, true)))
	}
	t.writeTo(w)
}

func (r *report) writeMemory(w *strings.Builder) {
	t := table{title: "Memory, MiB", labels: 1, head: []string{"", "pairmqd", "5.4.0", "4.9.7", "against the better"}}
	for _, c := range []struct{ label, cell, metric string }{
		{"idle, resident", cellMemoryIdle, metricRSS},
		{"idle, without mapped files", cellMemoryIdle, metricAnon},
		{"loaded, resident", cellMemoryLoaded, metricRSS},
		{"loaded, without mapped files", cellMemoryLoaded, metricAnon},
		{"the most that was resident", cellMemoryLoaded, metricHWM},
	} {
		row := []string{c.label}
		for _, name := range []string{ours, v5, v4} {
			row = append(row, r.number(name, c.cell, c.metric, 1.0/1024))
		}
		t.rows = append(t.rows, append(row, r.ratio(c.cell, c.metric, true)))
	}
	row := []string{"name server, a process of its own, idle"}
	for _, name := range []string{ours, v5, v4} {
		row = append(row, r.number(name, cellMemoryIdle, metricNamesrvRSS, 1.0/1024))
	}
	t.rows = append(t.rows, append(row, ""))
	t.writeTo(w)
}

// writeErrors names every sample with refusals, or that could not be taken.
func (r *report) writeErrors(w *strings.Builder) {
	var bad []string
	for _, s := range r.Samples {
		if n := s.Values[metricErrors]; n > 0 || s.Error != "" {
			bad = append(bad, strings.TrimSpace(fmt.Sprintf("* %s, %s, round %d: %.0f refused or unanswered. %s", s.Target, s.Cell, s.Round, n, s.Error)))
		}
	}
	if len(bad) > 0 {
		fmt.Fprintf(w, "### Refusals and failures\n\n%s\n\n", strings.Join(bad, "\n"))
	}
}
