package metrics

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pairmq/internal/meter"
)

func TestAPageIsText(t *testing.T) {
	p := NewPage()
	p.SetInt(Goroutines, 12)
	p.Set(CPU, 1.5)
	p.SetInt(LogEnd, 1<<40)
	p.SetBool(Serving, true, "broker")
	p.SetBool(Serving, false, "namesrv")
	p.Set(ConsumerLag, 7, "g\"1\\", "a\nb\xff")
	p.Set(CPU, math.Inf(1))
	want := `# HELP pairmq_process_cpu_seconds_total Processor time of the process, in user and kernel mode.
# TYPE pairmq_process_cpu_seconds_total counter
pairmq_process_cpu_seconds_total 1.5
pairmq_process_cpu_seconds_total +Inf
# HELP pairmq_goroutines Goroutines there are.
# TYPE pairmq_goroutines gauge
pairmq_goroutines 12
# HELP pairmq_serving 1 while requests are answered; a broker that recovers, or changes its role, has 0.
# TYPE pairmq_serving gauge
pairmq_serving{server="broker"} 1
pairmq_serving{server="namesrv"} 0
# HELP pairmq_consumer_lag_messages ` + NewPage().families[ConsumerLag].Help + `.
# TYPE pairmq_consumer_lag_messages gauge
pairmq_consumer_lag_messages{group="g\"1\\",topic="a\nb` + "\uFFFD" + `"} 7
# HELP pairmq_log_end_offset_bytes End of what was appended.
# TYPE pairmq_log_end_offset_bytes gauge
pairmq_log_end_offset_bytes 1099511627776
`
	if got := string(p.Text()); got != want {
		t.Errorf("the text is\n%s\nwant\n%s", got, want)
	}
	if len(p.Wrong()) > 0 {
		t.Error(p.Wrong())
	}
}

func TestAHistogramIsCumulative(t *testing.T) {
	var h meter.Histogram
	for _, d := range []time.Duration{time.Microsecond, 15 * time.Microsecond, 3 * time.Millisecond, time.Minute} {
		h.Observe(d)
	}
	p := NewPage()
	p.Observed(SyncDuration, &h)
	text := string(p.Text())
	for _, line := range []string{
		`_bucket{le="1e-05"} 1`, `_bucket{le="2e-05"} 2`, `_bucket{le="0.002"} 2`, `_bucket{le="0.005"} 3`, `_bucket{le="10"} 3`, `_bucket{le="+Inf"} 4`, `_sum 60.003016`, `_count 4`,
	} {
		if !strings.Contains(text, "\npairmq_log_sync_duration_seconds"+line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, text)
		}
	}
}

func TestMistakesAreSaidAndLeftOut(t *testing.T) {
	var h meter.Histogram
	for name, set := range map[string]func(*Page){
		"a label is missing":      func(p *Page) { p.Set(Serving, 1) },
		"a label is too many":     func(p *Page) { p.Set(Goroutines, 1, "x") },
		"a histogram is no value": func(p *Page) { p.Set(SyncDuration, 1) },
		"a value is no histogram": func(p *Page) { p.Observed(Goroutines, &h) },
	} {
		p := NewPage()
		set(p)
		if len(p.Wrong()) != 1 || len(p.Text()) != 0 {
			t.Errorf("%s: %v, and the text is %q", name, p.Wrong(), p.Text())
		}
	}
}

// TestNamesFollowPrometheus: what promtool says of names, and that each is there
// once with a help.
func TestNamesFollowPrometheus(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Families() {
		switch {
		case !regexp.MustCompile(`^pairmq_[a-z_]+$`).MatchString(f.Name):
			t.Errorf("%q is no name", f.Name)
		case seen[f.Name]:
			t.Errorf("%s is there twice", f.Name)
		case (f.Kind == Counter) != strings.HasSuffix(f.Name, "_total"):
			t.Errorf("%s is a %s", f.Name, f.Kind)
		case f.Kind == Histogram && !strings.HasSuffix(f.Name, "_duration_seconds"):
			t.Errorf("%s is a histogram of what?", f.Name)
		case f.Help == "" || strings.HasSuffix(f.Help, ".") || strings.ContainsAny(f.Help, "\n\\|"):
			t.Errorf("%s has the help %q", f.Name, f.Help)
		case slices.Contains(f.Labels, "le"):
			t.Errorf("%s has the label le", f.Name)
		}
		seen[f.Name] = true
	}
}

// TestTheTableIsUpToDate holds docs/metrics.md to the program; PAIRMQ_WRITE=1 writes it.
func TestTheTableIsUpToDate(t *testing.T) {
	const file = "../../docs/metrics.md"
	if os.Getenv("PAIRMQ_WRITE") != "" {
		if err := os.WriteFile(file, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil || string(b) != Markdown() {
		t.Errorf("%s is not what the program says (%v): make generate", file, err)
	}
}

func TestEveryUnitIsSaid(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"pairmq_log_sync_duration_seconds", "seconds"}, {"pairmq_log_written_bytes_total", "bytes"}, {"pairmq_consumer_lag_messages", "messages"},
		{"pairmq_messages_in_total", "number"}, {"pairmq_build_info", "always 1"}, {"pairmq_slaves", "number"},
	} {
		f := Family{Name: tt.name}
		if got := f.Unit(); got != tt.want {
			t.Errorf("%s counts %q, want %q", tt.name, got, tt.want)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	var h meter.Histogram
	b.ReportAllocs()
	for b.Loop() {
		p := NewPage()
		p.Observed(SyncDuration, &h)
		for i := range 100 {
			p.SetInt(TopicMessagesIn, int64(i), fmt.Sprint("topic", i))
		}
		p.Text()
	}
}
