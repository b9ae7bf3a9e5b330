package metrics

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAlarmsNameWhatIsThere: every metric that the rules for Prometheus and the pages
// of docs name. make metrics has promtool look at the rules.
func TestAlarmsNameWhatIsThere(t *testing.T) {
	known := map[string]bool{}
	for _, f := range Families() {
		known[f.Name] = true
	}
	for _, file := range []string{"../../packaging/prometheus/pairmq.rules.yml", "../../packaging/prometheus/tests.yml", "../../docs/operations.md"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile(`\bpairmq_[a-z_]+[a-z]\b`).FindAllString(string(b), -1)
		if len(named) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, name := range named {
			if !known[strings.TrimSuffix(name, "_bucket")] {
				t.Errorf("%s names %s, which there is not", file, name)
			}
		}
	}
}
