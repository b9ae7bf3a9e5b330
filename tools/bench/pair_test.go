package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPairsAreMeasured(t *testing.T) {
	c := config{dir: t.TempDir(), rounds: 1, conns: 2, seconds: 500 * time.Millisecond, short: true, copied: 64 << 20, cells: []string{"pair"}}
	rep, err := loadReport(c)
	if err != nil {
		t.Fatal(err)
	}
	targets := []target{&fakeTarget{label: ours, port: freePort(t), slavePort: freePort(t)}}
	rep.Machine = machine{CPU: "of before"}
	rep.measuredWith(c, machine{CPU: "of pairs"}, targets)
	if err := newRunner(c, targets, rep, t.Output()).rounds(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, flush := range flushes() {
		if v, ok := rep.median(ours, copyCell(flush), metricBytes); !ok || v <= 0 {
			t.Errorf("copy with %s: %v B/s, measured %v", flush, v, ok)
		}
		for _, role := range roles() {
			if v, ok := rep.median(ours, pairSendCell(flush, role), metricP99); !ok || v <= 0 {
				t.Errorf("send with %s, %s: p99 %v, measured %v", flush, role, v, ok)
			}
		}
	}
	for _, cell := range []string{cellForgets, cellKeeps} {
		if v, ok := rep.median(limit, cell, metricBytes); !ok || v <= 0 {
			t.Errorf("%s: %v B/s, measured %v", cell, v, ok)
		}
	}
	if n := len(rep.Samples); n != 8 {
		t.Errorf("%d samples, want 6 of the pair and 2 of the machine: %+v", n, rep.Samples)
	}
	text := rep.markdown()
	before, pairs, _ := strings.Cut(text, "## Pairs")
	if !strings.Contains(before, "of before") || strings.Contains(before, "of pairs") || !strings.Contains(pairs, "of pairs") || !strings.Contains(pairs, "* pairmqd: fake pairmqd") {
		t.Errorf("pairs and the rest do not say each what they were measured with:\n%s", text)
	}
	for _, want := range []string{"### Copying a log", "### Latency that SYNC_MASTER adds", "128 MiB of log"} {
		if !strings.Contains(pairs, want) {
			t.Errorf("the tables lack %q:\n%s", want, pairs)
		}
	}
	if left, err := os.ReadDir(c.dir); len(left) != 0 || err != nil {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

func TestPairTables(t *testing.T) {
	r := &report{Pairs: &setting{Command: "bench"}}
	for cell, values := range map[string]map[string]float64{
		copyCell(syncFlush):                  {metricBytes: 240e6, metricOthers: 3},
		pairSendCell(syncFlush, asyncMaster): {metricP50: 400, metricP99: 1000, metricOthers: 1},
		pairSendCell(syncFlush, syncMaster):  {metricP50: 900, metricP99: 2500, metricOthers: 2},
	} {
		r.add(sample{Target: ours, Cell: cell, Values: values})
	}
	r.add(sample{Target: v4, Cell: copyCell(syncFlush), Values: map[string]float64{metricBytes: 120e6, metricOthers: 4}})
	r.add(sample{Target: limit, Cell: cellForgets, Values: map[string]float64{metricBytes: 1000e6}})
	r.add(sample{Target: limit, Cell: cellKeeps, Values: map[string]float64{metricBytes: 300e6}})
	text := r.markdown()
	for _, want := range []string{
		"| SYNC_FLUSH | 240 | – | 120 | × 2.00 | 1 000 | 300 | 80 % | 3.00, –, 4.00, – |",
		"| SYNC_FLUSH | added | 0.50 / 1.50 | – / – | – / – |",
		"| SYNC_FLUSH | others, %: each | 1.00, 2.00 | –, – | –, – |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}

func TestBareCopyKeepsWhatItReceives(t *testing.T) {
	dir := t.TempDir()
	const n = 3<<20 + 17
	from, err := fill(filepath.Join(dir, "from"), n)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if took, err := bareCopy(t.Context(), from, dir); err != nil || took <= 0 {
		t.Fatalf("bareCopy took %v, %v", took, err)
	}
	sent, err := os.ReadFile(from.Name())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "0"))
	if err != nil || len(sent) != n || len(kept) != segment || !bytes.Equal(kept[:n], sent) {
		t.Errorf("of %d bytes sent, a segment of %d was kept that differs, or %v", len(sent), len(kept), err)
	}
}

func TestParseLogEnd(t *testing.T) {
	l, err := parseLogEnd([]byte(`{"table":{"commitLogMaxOffset":"4711","dispatchBehindBytes":"11","x":"y"}}`), time.Time{})
	if err != nil || l.end != 4711 || l.behind != 11 {
		t.Errorf("%+v, %v, want 4711 and 11", l, err)
	}
	for _, body := range []string{"", "{}", `{"table":{"commitLogMaxOffset":"4711"}}`, `{"table":{"commitLogMaxOffset":"many","dispatchBehindBytes":"11"}}`} {
		if l, err := parseLogEnd([]byte(body), time.Time{}); err == nil {
			t.Errorf("%s is read as %+v", body, l)
		}
	}
}

func TestParseUsage(t *testing.T) {
	u, err := parseUsage([]byte("cpu  10 2 30 400 5 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n"))
	if want := (usage{busy: 63, all: 468}); err != nil || u != want {
		t.Errorf("%+v, %v, want %+v", u, err, want)
	}
	if got := share(usage{busy: 100, all: 1000}, usage{busy: 200, all: 1400}, 600*time.Millisecond); got != 10 { // 100 of 400 ticks busy, 60 of them ours
		t.Errorf("others took %v %%, want 10", got)
	}
	for _, text := range []string{"", "cpu 1 2 3", "cpu0 10 2 30 400 5 6 7 8 0 0", "cpu 10 2 x 400 5 6 7 8 0 0"} {
		if u, err := parseUsage([]byte(text)); !errors.Is(err, errProc) {
			t.Errorf("%q is read as %+v, %v", text, u, err)
		}
	}
}
