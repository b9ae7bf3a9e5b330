package main

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// outcome is what a command line gave.
type outcome struct {
	code     int
	out, err string
}

// run executes a command line against f, with the text in as its input.
func (f *fake) run(t *testing.T, in string, args ...string) outcome {
	t.Helper()
	return runIn(t.Context(), f.addr, in, args...)
}

func runIn(ctx context.Context, namesrv, in string, args ...string) outcome {
	var out, err bytes.Buffer
	e := &env{in: strings.NewReader(in), out: &out, err: &err, getenv: func(key string) string {
		if key == "PAIRMQ_NAMESRV" {
			return namesrv
		}
		return ""
	}}
	code := execute(ctx, e, args)
	return outcome{code, out.String(), err.String()}
}

// check compares an outcome with the exit code, the whole output and a part of
// the error output that are wanted.
func (o outcome) check(t *testing.T, args []string, code int, out, err string) {
	t.Helper()
	if o.code != code || o.out != out || !strings.Contains(o.err, err) || (err == "" && o.err != "") {
		t.Errorf("pairmq %s\nexits with %d and writes\n%s\nand to the error output\n%s\nwant %d and\n%s\nand %q", strings.Join(args, " "), o.code, o.out, o.err, code, out, err)
	}
}

// withoutIDs replaces what differs from run to run: unique keys and ports.
func withoutIDs(f *fake, text string) string {
	text = regexp.MustCompile(`7F000001[0-9A-F]{24}`).ReplaceAllString(text, "KEY")
	return strings.ReplaceAll(text, f.addr, "ADDR")
}

func TestWrongUsage(t *testing.T) {
	f := startFake(t)
	for line, want := range map[string]string{
		"nonsense":                           "unknown command",
		"topic":                              "needs one of its commands",
		"topic nonsense":                     `has no command "nonsense"`,
		"topic show":                         "accepts 1 arg(s)",
		"topic create a!b":                   "topic",
		"topic create T --queues -1":         "1 to 65536",
		"topic create T --perm x":            "rw, r or w",
		"topic delete T":                     "--yes",
		"group delete G":                     "--yes",
		"group show a!b":                     "group",
		"produce x":                          `"topic" not set`,
		"produce -t T --property x y":        "name=value",
		"produce -t T --in-flight 0 y":       "1 to 1024",
		"produce -t T --retries -1 y":        "0 to 100",
		"produce -t T --delay-level 19 y":    "1 to 18",
		"produce -t T --queue x y":           "brokerName/number",
		"produce -t T --file x y":            "only one",
		"produce -t T --file /not/there":     "--file",
		"produce -t a!b y":                   "--topic",
		"produce -t T --group a!b y":         "--group",
		"consume -t T --from yesterday":      "--from",
		"consume -t T --from time:yesterday": "milliseconds",
		"consume -t T --from offset:-1":      "--from",
		"consume -t T --count -1":            "--count",
		"consume -t T --group a!b":           "--group",
		"consume -t a!b":                     "--topic",
		"status --timeout 0s":                "more than 0",
		"status --namesrv x":                 "name servers",
		"status --broker x":                  "--broker",
		"status --broker a:1 --namesrv b:2":  "none of the others can be",
		"status --nonsense":                  "unknown flag",
		"load":                               "needs one of its commands",
		"log":                                "needs one of its commands",
		"log quarantine x":                   `has no command "x"`,
		"log verify x --peer y":              "without a broker",
		"log quarantine show":                "accepts 1 arg(s)",
		"log quarantine send x --group a!b":  "--group",
		"load send --size 0 --count -1":      "count -1",
		"load send --broker 192.0.2.1:10911": "192.0.2.1",
		"load pull --max 5000":               "1 to 4096",
	} {
		args := strings.Fields(line)
		f.addTopic("T", 0)
		f.run(t, "", args...).check(t, args, exitUsage, "", want)
	}
}

func TestHelpTellsTheExitCodes(t *testing.T) {
	f := startFake(t)
	for _, line := range []string{"", "--help"} {
		o := f.run(t, "", strings.Fields(line)...)
		if o.code != exitOK || !strings.Contains(o.out, "4  only a part was done") || !strings.Contains(o.out, "produce") {
			t.Errorf("pairmq %s exits with %d and writes\n%s", line, o.code, o.out)
		}
	}
	if o := f.run(t, "", "completion", "bash"); o.code != exitOK || !strings.Contains(o.out, "complete") {
		t.Errorf("completion exits with %d and writes %d bytes", o.code, len(o.out))
	}
}

func TestVersion(t *testing.T) {
	f := startFake(t)
	f.run(t, "", "version").check(t, []string{"version"}, exitOK, "pairmq unknown\n", "")
	f.run(t, "", "version", "--json").check(t, []string{"version", "--json"}, exitOK, `{"version":"unknown"}`+"\n", "")
}

func TestNobodyAnswers(t *testing.T) {
	const nobody = "127.0.0.1:1"
	for line, want := range map[string]string{
		"topic list":                             "is a name server running there?",
		"produce -t T x":                         "is a name server running there?",
		"status":                                 "127.0.0.1:1",
		"topic list --broker " + nobody:          "is it running",
		"produce -t T x --broker " + nobody:      "is it running",
		"status --json --broker " + nobody:       "is it running",
		"load send --count 1 --broker " + nobody: "is it running",
	} {
		args := strings.Fields(line)
		if o := runIn(t.Context(), nobody, "", args...); o.code != exitUnreachable || !strings.Contains(o.err, want) {
			t.Errorf("pairmq %s exits with %d and writes %s\nwant %d and %q", line, o.code, o.err, exitUnreachable, want)
		}
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 0)
	f.refuse[remoting.ReqSendMessageV2] = remoting.RespServiceNotAvailable
	o := f.run(t, "", "produce", "-t", "T", "--retries", "0", "x")
	if o.code != exitFailed || !strings.Contains(o.err, "SERVICE_NOT_AVAILABLE (14): told to refuse") || !strings.Contains(o.err, "a slave, a full disk") {
		t.Errorf("a send that is refused exits with %d and writes %s", o.code, o.err)
	}
}

func TestAdviceForEveryCodeThatNeedsIt(t *testing.T) {
	for _, code := range []int32{2, 3, 13, 14, 16, 17, 26} {
		if advice(&refusal{code: code}) == "" {
			t.Errorf("nothing is advised on code %d", code)
		}
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var b bytes.Buffer
		p := newProgress(&env{err: &b, terminal: terminal}, "sent", true)
		p.last = time.Now().Add(-time.Minute)
		p.add(2)
		p.add(3) // too soon to be shown
		p.done()
		want := ""
		if terminal {
			want = "\r2 sent\x1b[K\r\x1b[K"
		}
		if b.String() != want {
			t.Errorf("terminal %v: %q, want %q", terminal, b.String(), want)
		}
	}
}
