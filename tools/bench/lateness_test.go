package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// fixed is a delay that is the same for all.
func fixed(d time.Duration) func(*rand.Rand) time.Duration {
	return func(*rand.Rand) time.Duration { return d }
}

func TestLateness(t *testing.T) {
	sent := time.Unix(1_700_000_000, 123_999_999) // the last nanosecond of its millisecond
	due := time.UnixMilli(sent.UnixMilli()).Add(time.Second)
	l := newLedger()
	for i := range 7 { // 0, 2, 4 and 6 are of kind 0
		if number, d := l.enter(i%2, sent, fixed(time.Second)); number != uint64(i) || d != time.Second {
			t.Fatalf("message %d has number %d and waits for %v", i, number, d)
		}
	}
	for _, a := range []struct {
		number uint64
		late   time.Duration
	}{{2, 30 * time.Millisecond}, {0, -time.Microsecond}, {4, 10 * time.Millisecond}, {2, 50 * time.Millisecond}, {1, 0}, {1, 0}, {1, 0}, {3, 7}} {
		if err := l.arrive(a.number, due.Add(a.late)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.arrive(7, due); err == nil {
		t.Error("a message that was never sent may come")
	}
	tests := []struct {
		want   map[string]float64
		broken string
	}{
		{map[string]float64{metricMessages: 4, metricEarly: 1, metricTwice: 1, metricNever: 1, metricErrors: 0, metricMin: -1, metricP50: 10_000, metricP99: 30_000, metricMax: 30_000},
			"of 4 delayed messages 1 came early, 1 more than once and 1 never"},
		{map[string]float64{metricMessages: 3, metricEarly: 0, metricTwice: 1, metricNever: 1, metricErrors: 0, metricMin: 0, metricP50: 0, metricP99: 0.007, metricMax: 0.007},
			"of 3 delayed messages 0 came early, 1 more than once and 1 never"},
		{map[string]float64{metricMessages: 0, metricEarly: 0, metricTwice: 0, metricNever: 0, metricErrors: 0}, ""},
	}
	for kind, tt := range tests {
		s := l.lateness(kind)
		got := s.values()
		if len(got) != len(tt.want) {
			t.Errorf("kind %d: %v, want %v", kind, got, tt.want)
		}
		for metric, want := range tt.want {
			if v, ok := got[metric]; !ok || v != want {
				t.Errorf("kind %d: %s is %v, measured %v; want %v", kind, metric, v, ok, want)
			}
		}
		if err := s.broken(); (err == nil) != (tt.broken == "") || err != nil && err.Error() != tt.broken {
			t.Errorf("kind %d: %v, want %q", kind, err, tt.broken)
		}
	}
}

func TestQuantileOfLateness(t *testing.T) {
	var s lateness
	for i := range 200 {
		s.late = append(s.late, time.Duration(i+1))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 100, 0.99: 198, 0.991: 199, 1: 200} {
		if got := s.quantile(q); got != want {
			t.Errorf("quantile %v of 1 to 200 is %d, want %d", q, got, want)
		}
	}
}

func TestTimersWaitForEachMillisecondOfTheirs(t *testing.T) {
	k, l, seen := timer(1000, 1003), newLedger(), map[string]bool{}
	for range 200 {
		_, d := l.enter(0, time.Now(), k.delay)
		seen[k.value(d)] = true
	}
	for _, want := range []string{"1000", "1001", "1002", "1003"} {
		if !seen[want] {
			t.Errorf("of 200 none waits for %s ms", want)
		}
	}
	if len(seen) != 4 {
		t.Errorf("they wait for %v, want 1000 to 1003", seen)
	}
}

func TestDelayTable(t *testing.T) {
	r := &report{Delay: &setting{Command: "bench -delays"}}
	add := func(target, what, kind string, v map[string]float64) {
		r.add(sample{Target: target, Cell: delayCell(what, kind), Values: v})
	}
	add(ours, quiet, "level2", map[string]float64{metricMessages: 1990, metricP50: 1000, metricP99: 3000, metricMax: 4000, metricEarly: 0, metricTwice: 0, metricNever: 0, metricOthers: 1})
	add(ours, quiet, "level2", map[string]float64{metricMessages: 2010, metricP50: 2000, metricP99: 5000, metricMax: 9000, metricEarly: 0, metricTwice: 1, metricNever: 0, metricOthers: 3})
	add(v5, quiet, "level2", map[string]float64{metricMessages: 2000, metricP50: 50_000, metricP99: 100_000, metricMax: 101_000, metricEarly: 2, metricTwice: 0, metricNever: 3, metricOthers: 0})
	r.add(sample{Target: ours, Cell: delayCell(busy, kindTimer), Round: 1, Error: "not supported: MESSAGE_ILLEGAL: timed"})
	text := r.markdown()
	for _, want := range []string{
		"## Delays", "`bench -delays`",
		"| level 2, 5 s | quiet | 1.50 / 4.00 / 9.00 | 50.0 / 100 / 101 | – / – / – | × 25.0 | 0, 1, 0 of 4 000 | 2, 0, 3 of 2 000 | – | 2.00, 0, – |",
		"* pairmqd, delay/busy/timer, round 1: 0 refused or unanswered. not supported: MESSAGE_ILLEGAL: timed",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "| timer |") {
		t.Errorf("a row where nothing was measured in\n%s", text)
	}
}
