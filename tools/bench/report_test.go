package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reportOf returns a report with one metric of one cell.
func reportOf(cell, metric string, values map[string][]float64) *report {
	r := &report{setting: setting{Targets: make(map[string]string)}}
	for name, all := range values {
		for i, v := range all {
			r.add(sample{Target: name, Cell: cell, Round: i + 1, Values: map[string]float64{metric: v}})
		}
	}
	return r
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		in   []float64
		want float64
		ok   bool
	}{{nil, 0, false}, {[]float64{5}, 5, true}, {[]float64{9, 1, 5}, 5, true}, {[]float64{4, 1, 3, 100}, 3.5, true}} {
		r := reportOf("c", "m", map[string][]float64{"x": tt.in, "y": {7}})
		if v, ok := r.median("x", "c", "m"); v != tt.want || ok != tt.ok {
			t.Errorf("median of %v = %v, %v; want %v, %v", tt.in, v, ok, tt.want, tt.ok)
		}
	}
}

func TestRatio(t *testing.T) {
	tests := []struct {
		name   string
		values map[string][]float64
		less   bool
		want   string
	}{
		{"better than both", map[string][]float64{ours: {300}, v5: {100}, v4: {200}}, false, "× 1.50"},
		{"worse than one", map[string][]float64{ours: {150}, v5: {100}, v4: {200}}, false, "**× 0.75**"},
		{"less is better", map[string][]float64{ours: {10}, v5: {200}, v4: {100}}, true, "× 10.0"},
		{"less would be better", map[string][]float64{ours: {200}, v5: {400}, v4: {100}}, true, "**× 0.50**"},
		{"only one to compare with", map[string][]float64{ours: {200}, v4: {100}}, false, "× 2.00"},
		{"none to compare with", map[string][]float64{ours: {200}}, false, noNumber},
		{"not measured", map[string][]float64{v5: {200}}, false, noNumber},
	}
	for _, tt := range tests {
		if got := reportOf("c", "m", tt.values).ratio("c", "m", tt.less); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestFormat(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0123: "0.012", 0.5: "0.50", 12.34: "12.3", 123.4: "123", 1234: "1 234", 1234567.8: "1 234 568", -1234: "-1 234"} {
		if got := format(v); got != want {
			t.Errorf("format(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestMarkdownNamesRefusals(t *testing.T) {
	r := reportOf(sendCell(syncFlush, 128, 1), metricErrors, map[string][]float64{v4: {0, 17}})
	if got := r.markdown(); !strings.Contains(got, "* apache-4.9.7, send/SYNC_FLUSH/128/1, round 2: 17 refused") || strings.Contains(got, "round 1") {
		t.Errorf("refusals are not named as they were:\n%s", got)
	}
}

func TestWriteMarkdownKeepsTheText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.md")
	r := reportOf(cellStartEmpty, metricMillis, map[string][]float64{ours: {12}, v5: {2400}})
	if err := os.WriteFile(file, []byte("before\n"+beginMark+"\nold\n"+endMark+"\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is something to replace that it wrote itself
		if err := writeMarkdown(file, r); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	got := string(b)
	if err != nil || !strings.HasPrefix(got, "before\n"+beginMark) || !strings.HasSuffix(got, endMark+"\nafter\n") || strings.Contains(got, "old") {
		t.Errorf("%v: the text around the tables is not what it was:\n%s", err, got)
	}
	if want := "| empty | 12.0 | 2 400 | – | × 200 |"; strings.Count(got, want) != 1 {
		t.Errorf("want once %q in\n%s", want, got)
	}
	if err := os.WriteFile(file, []byte("no markers"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeMarkdown(file, r); !errors.Is(err, errMarkers) {
		t.Errorf("without markers: %v, want errMarkers", err)
	}
}

func TestReportIsKeptWhenMerged(t *testing.T) {
	c := config{out: filepath.Join(t.TempDir(), "sub", "r.json"), merge: true}
	r, err := loadReport(c)
	if err != nil || len(r.Samples) != 0 {
		t.Fatalf("without a file: %d samples, %v", len(r.Samples), err)
	}
	r.add(sample{Target: ours, Cell: "a", Values: map[string]float64{"m": 1}})
	r.add(sample{Target: ours, Cell: "b", Values: map[string]float64{"m": 2}})
	if err := r.write(c.out); err != nil {
		t.Fatal(err)
	}
	if r, err = loadReport(c); err != nil {
		t.Fatal(err)
	}
	run := newRunner(c, nil, r, t.Output())
	for i := range 2 { // two rounds of one cell replace what was there, and not each other
		run.note(sample{Target: ours, Cell: "a", Values: map[string]float64{"m": float64(10 + i)}})
	}
	if a, _ := r.median(ours, "a", "m"); a != 10.5 {
		t.Errorf("median of the cell measured anew is %v, want 10.5", a)
	}
	if b, _ := r.median(ours, "b", "m"); b != 2 {
		t.Errorf("median of the other cell is %v, want 2", b)
	}
	c.merge = false
	if r, err := loadReport(c); err != nil || len(r.Samples) != 0 {
		t.Errorf("a new run starts with %d samples, %v", len(r.Samples), err)
	}
}
