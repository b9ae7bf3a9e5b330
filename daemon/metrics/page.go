package metrics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pairmq/internal/meter"
)

// A Page is the values of one moment, on their way to text. Use NewPage.
type Page struct {
	families []Family
	samples  [metrics][]byte // lines of each
	wrong    []error
}

// NewPage returns a page without a value.
func NewPage() *Page { return &Page{families: Families()} }

// Set adds a value, of a metric that is no histogram. The values of labels are in
// the order of its Family.Labels. A value of which there are too few or too many
// is left out; see Wrong.
func (p *Page) Set(m Metric, v float64, labels ...string) {
	f := &p.families[m]
	if f.Kind == Histogram || len(labels) != len(f.Labels) {
		p.wrong = append(p.wrong, fmt.Errorf("metrics: %s is a %s with the labels %q, not a value with %q", f.Name, f.Kind, f.Labels, labels))
		return
	}
	line := append(p.samples[m], f.Name...)
	for i, name := range f.Labels {
		line = append(line, "{,"[min(i, 1)])
		line = append(line, name...)
		line = append(line, `="`...)
		line = append(line, escape(labels[i])...)
		line = append(line, '"')
	}
	if len(labels) > 0 {
		line = append(line, '}')
	}
	p.samples[m] = appendValue(line, v)
}

// SetInt is Set for what is counted.
func (p *Page) SetInt(m Metric, n int64, labels ...string) { p.Set(m, float64(n), labels...) }

// SetBool is Set with 1 for true.
func (p *Page) SetBool(m Metric, yes bool, labels ...string) {
	v := 0.0
	if yes {
		v = 1
	}
	p.Set(m, v, labels...)
}

// Observed adds a histogram.
func (p *Page) Observed(m Metric, h *meter.Histogram) {
	f := &p.families[m]
	if f.Kind != Histogram {
		p.wrong = append(p.wrong, fmt.Errorf("metrics: %s is a %s, no histogram", f.Name, f.Kind))
		return
	}
	c := h.Counts()
	lines, sum := p.samples[m], uint64(0)
	for i, b := range meter.Bounds() {
		sum += c.Buckets[i]
		lines = fmt.Appendf(lines, "%s_bucket{le=%q} %d\n", f.Name, strconv.FormatFloat(b.Seconds(), 'g', -1, 64), sum)
	}
	sum += c.Buckets[meter.Buckets-1]
	lines = fmt.Appendf(lines, "%s_bucket{le=\"+Inf\"} %d\n", f.Name, sum)
	lines = appendValue(append(append(lines, f.Name...), "_sum"...), c.Sum.Seconds())
	p.samples[m] = fmt.Appendf(lines, "%s_count %d\n", f.Name, sum)
}

// Wrong is which calls named no value there is: mistakes in the program.
func (p *Page) Wrong() []error { return p.wrong }

// Text returns the page in the exposition format 0.0.4. Metrics without a value
// are not in it.
func (p *Page) Text() []byte {
	size := 0
	for i := range p.samples {
		size += len(p.samples[i]) + 200
	}
	text := make([]byte, 0, size)
	for i, f := range p.families {
		if len(p.samples[i]) > 0 {
			text = fmt.Appendf(text, "# HELP %s %s.\n# TYPE %s %s\n", f.Name, f.Help, f.Name, f.Kind)
			text = append(text, p.samples[i]...)
		}
	}
	return slices.Clip(text)
}

// appendValue ends a line.
func appendValue(line []byte, v float64) []byte {
	line = append(line, ' ')
	if whole := int64(v); float64(whole) == v && whole > -1<<53 && whole < 1<<53 {
		line = strconv.AppendInt(line, whole, 10)
	} else {
		line = strconv.AppendFloat(line, v, 'g', -1, 64)
	}
	return append(line, '\n')
}

// escape makes any text the value of a label.
func escape(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsAny(s, "\\\"\n") {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
