package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A table is one of the report, as Markdown.
type table struct {
	title  string
	head   []string
	labels int // columns that say what a row is about; the others are measured
	rows   [][]string
}

// writeTo writes the table, or nothing if none of its cells was measured.
func (t table) writeTo(w *strings.Builder) {
	if !slices.ContainsFunc(t.rows, func(row []string) bool { return hasNumber(row[t.labels:]) }) {
		return
	}
	fmt.Fprintf(w, "### %s\n\n| %s |\n|%s\n", t.title, strings.Join(t.head, " | "), strings.Repeat(" ---: |", len(t.head)))
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	w.WriteString("\n")
}

func hasNumber(cells []string) bool {
	return slices.ContainsFunc(cells, func(c string) bool { return strings.ContainsAny(c, "0123456789") })
}

// noNumber stands where nothing was measured.
const noNumber = "–"

// number returns the median of a metric times scale.
func (r *report) number(target, cell, metric string, scale float64) string {
	v, ok := r.median(target, cell, metric)
	if !ok {
		return noNumber
	}
	return format(v * scale)
}

// three returns the medians of pairmqd and the two Apache brokers.
func (r *report) three(cell, metric string, scale float64) string {
	return strings.Join([]string{r.number(ours, cell, metric, scale), r.number(v5, cell, metric, scale), r.number(v4, cell, metric, scale)}, ", ")
}

// ratio compares pairmqd's median with the better one of the Apache brokers:
// above 1 pairmqd is better, and what is below 1 is set in bold. less tells
// that less is better.
func (r *report) ratio(cell, metric string, less bool) string {
	v, ok := r.median(ours, cell, metric)
	best, found := 0.0, false
	for _, name := range []string{v5, v4} {
		if o, ok := r.median(name, cell, metric); ok && (!found || (o > best) != less) {
			best, found = o, true
		}
	}
	if !ok || !found || v <= 0 || best <= 0 {
		return noNumber
	}
	x := v / best
	if less {
		x = best / v
	}
	text := fmt.Sprintf("× %s", format(x))
	if x < 1 {
		text = "**" + text + "**"
	}
	return text
}

// format writes v with three significant digits, and whole when it has more.
func format(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		return groupThousands(fmt.Sprintf("%.0f", v))
	case a >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// groupThousands puts a blank before every three digits: 12 345.
func groupThousands(s string) string {
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
