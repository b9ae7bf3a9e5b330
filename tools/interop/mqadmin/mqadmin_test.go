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
		{Command{}, "done12:34:56.789 WARN  [main] Client - late\n12:34:56.790 INFO  [x] y\n", "done"},
		{Command{Hide: `(?m)\d+$`}, "1 of 2\n3 of 4\n", "1 of N\n3 of N"},
		{Command{}, "tps 0.53333333333333333, 1.2E-5\n", "tps F, F"},
		{Command{}, "reportUndoneMsgs: UndoneMsgs [consumerGroup=__MONITOR_CONSUMER, x]\nend\n", "end"},
		{Command{Places: true}, "at 4711 of 10, 0 behind\n", "at N of N, 0 behind"},
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
		{Command{}, "a\nof another: " + bad, bad, Fails}, // an answer that holds a complaint
		{Command{}, "a\nof another: " + bad, "b\nof another: " + bad, Differs},
		{Command{Refused: "why"}, "a", bad, Refused},
		{Command{Refused: "why"}, "a", "a", Same},
		{Command{NotHere: "that"}, bad, bad, NotHere},
		{Command{NotHere: "that"}, "a", bad, Fails}, // it does apply
		{Command{NotHere: "that"}, "a", "a", Same},
		{Command{NotHere: "that", NoServer: true}, "a", bad, NotHere},
	} {
		if got := tt.c.Classify(tt.apache, tt.pairmq); got != tt.want {
			t.Errorf("%+v: %q and %q are %q, want %q", tt.c, tt.apache, tt.pairmq, got, tt.want)
		}
	}
}

// TestStays: what a later run has to have of what was recorded.
func TestStays(t *testing.T) {
	keys := Command{Keys: true, Moves: []string{"disk"}}
	const was = "a : 1\nb : [2]:3\ndiskFree : 4\nempty :"
	for _, tt := range []struct {
		c    Command
		now  string
		want bool
	}{
		{Command{}, was, true},
		{Command{}, was + "\n", false},
		{keys, was, true},
		{keys, "a : 7\nb : 8\nempty :\ndisk : 9", true},
		{keys, "a : 7\nempty :", false},
		{keys, "a : 7\nb : 8\nc : 9\nempty :", false},
		{keys, "a : 7\nb :\nempty :", false},
		{keys, "x", false},
	} {
		if got := tt.c.Stays(was, tt.now); got != tt.want {
			t.Errorf("%+v: %q stays %q: %t", tt.c, was, tt.now, got)
		}
	}
}

// TestEveryRowIsHeld: no command of the page may answer with nothing, with anything, or fail, and pass.
func TestEveryRowIsHeld(t *testing.T) {
	for _, version := range []string{peers.V4, peers.V5} {
		answers, err := Recorded(".", version)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range Of(version)[:len(answers)] {
			was := answers[i]
			if why := c.Broken(was, was.Pairmq); why != "" {
				t.Errorf("mqadmin %s %s of %s: what was recorded is not taken: %s", c.Name, c.Args, version, why)
			}
			for _, now := range []string{"", "x", "org.apache.rocketmq.client.exception.MQBrokerException: CODE: 1 DESC: …"} {
				if now != was.Pairmq && c.Broken(was, now) == "" {
					t.Errorf("mqadmin %s %s of %s may as well answer %q", c.Name, c.Args, version, now)
				}
			}
		}
	}
}

// TestWhatChangedIsNamed: of a long answer the gate shows what matters.
func TestWhatChangedIsNamed(t *testing.T) {
	for _, tt := range []struct{ was, now, want string }{
		{"a\nb\nc", "a\nd\nc", "- b\n+ d\n"},
		{"a\na", "a", "- a\n"},
		{"b", "a\nb", "+ a\n"},
		{"a\nb", "b\na", "the same lines in another order:\nb\na"},
	} {
		got := Command{}.Broken(Answer{Apache: "other", Pairmq: tt.was}, tt.now)
		if want := "this is another answer than was recorded:\n" + tt.want; got != want {
			t.Errorf("%q, then %q: %q, want %q", tt.was, tt.now, got, want)
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
