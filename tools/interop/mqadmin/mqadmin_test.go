package mqadmin

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"pairmq/tools/interop/peers"
)

func TestNormalise(t *testing.T) {
	for _, tt := range []struct {
		c        Command
		in, want string
	}{
		{Command{}, "create topic to 127.0.0.1:12345 success.\n", "create topic to ADDRESS success."},
		{Command{}, "Consume TPS: 0.25\n\nDiff Total:   6\n", "Consume TPS: F\nDiff Total: 6"},
		{Command{Sort: true}, "b 2\na 1\n", "a 1\nb 2"},
		{Command{Numbers: true}, "queue 7\nqueue 8\nend\n", "queue N\nend"},
		{Command{}, "java.lang.Exception: CODE: 3 DESC: of one broker\n\tat a.B.c(B.java:1)\n\t... 3 more\n", "java.lang.Exception: CODE: 3 DESC: …"},
		{Command{}, "192.0.2.1@4711#123456789 V4_9_7\n", "CLIENT V4_9_7"},
	} {
		if got := tt.c.Normalise(tt.in); got != tt.want {
			t.Errorf("%+v makes %q of %q, want %q", tt.c, got, tt.in, tt.want)
		}
	}
}

func TestClassify(t *testing.T) {
	const bad = "MQBrokerException: CODE: 3 DESC: …"
	for _, tt := range []struct {
		c              Command
		apache, pairmq string
		want           Class
	}{
		{Command{}, "a", "a", Same},
		{Command{}, "a", "b", Differs},
		{Command{}, bad, bad, Same},
		{Command{}, "a", bad, Fails},
		{Command{}, "a", "", Fails},
		{Command{Refused: "why"}, "a", bad, Refused},
		{Command{Refused: "why"}, "a", "a", Same},
		{Command{NotHere: "that"}, "a", "a", NotHere},
	} {
		if got := tt.c.Classify(tt.apache, tt.pairmq); got != tt.want {
			t.Errorf("%+v: %q and %q are %q, want %q", tt.c, tt.apache, tt.pairmq, got, tt.want)
		}
	}
}

// TestThePageIsUpToDate holds docs/mqadmin.md to what was recorded, and each
// difference in it to a reason. PAIRMQ_WRITE=1 writes the page.
func TestThePageIsUpToDate(t *testing.T) {
	page, err := Markdown(".")
	if err != nil {
		t.Fatal(err)
	}
	const file = "../../../docs/mqadmin.md"
	if os.Getenv("PAIRMQ_WRITE") != "" {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // there is no page of nothing
		t.Fatal(err)
	}
	if string(text) != page {
		t.Errorf("%s is not what was recorded: make mqadmin", file)
	}
	for _, version := range []string{peers.V4, peers.V5} {
		answers, err := Recorded(".", version)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range Of(version)[:len(answers)] {
			if class := c.Classify(answers[i].Apache, answers[i].Pairmq); class != Same && c.Reason(class) == "" {
				t.Errorf("mqadmin %s %s of %s: %s without a reason", c.Name, c.Args, version, class)
			}
		}
	}
}
