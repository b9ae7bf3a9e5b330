package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
	"pairmq/store/table"
)

func TestProduce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte("two\nlines\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const t0, t1 = "SEND_OK  KEY  box/0  offset 0\n", "SEND_OK  KEY  box/1  offset 0\n"
	tests := []struct {
		name, line, in string
		out, err       string
		bodies         []string // of queue 0, then of queue 1
	}{
		{"one message", "produce -t T hello", "", t0, "", []string{"hello"}},
		{"lines go to all queues in turn", "produce -t T", "a\nb\r\n\nc", t0 + t1 + "SEND_OK  KEY  box/0  offset 1\n", "", []string{"a", "c", "b"}},
		{"no lines", "produce -t T", "", "", "", nil},
		{"a queue", "produce -t T --queue 1 x", "", t1, "", []string{"x"}},
		{"a queue of a broker", "produce -t T --queue box/1 x", "", t1, "", []string{"x"}},
		{"a file", "produce -t T --file " + file, "", t0, "", []string{"two\nlines\n"}},
		{"all of the input", "produce -t T --file -", "x\ny\n", t0, "", []string{"x\ny\n"}},
		{"quiet", "produce -t T -q x", "", "", "", []string{"x"}},
		{"to one broker", "produce -t T --queue 0 x --broker BROKER", "", "SEND_OK  KEY  0  offset 0\n", "", []string{"x"}},
		{"JSON", "produce -t T x --json", "", `{"msgId":"KEY","offsetMsgId":"7F000001","brokerName":"box","queueId":0,"queueOffset":0,"status":"SEND_OK"}` + "\n", "", []string{"x"}},
		{"a new topic", "produce -t New x", "", t0, "topic New is new", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := startFake(t)
			f.addTopic("T", 0)
			args := strings.Fields(strings.ReplaceAll(tt.line, "BROKER", f.addr))
			o := f.run(t, tt.in, args...)
			o.out = withoutIDs(f, o.out)
			o.check(t, args, exitOK, tt.out, tt.err)
			var got []string
			for _, q := range []string{"T/0", "T/1"} {
				for _, m := range f.queues[q] {
					got = append(got, string(m.Body))
				}
			}
			if strings.Join(got, "|") != strings.Join(tt.bodies, "|") {
				t.Errorf("stored %q, want %q", got, tt.bodies)
			}
		})
	}
}

func TestProduceSetsProperties(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 0)
	args := []string{"produce", "-t", "T", "--tag", "new", "--key", "a", "--key", "b", "--property", "x=1=2", "--delay-level", "3", "body"}
	if o := f.run(t, "", args...); o.code != exitOK {
		t.Fatalf("exits with %d: %s", o.code, o.err)
	}
	m := f.queues["T/0"][0]
	for name, want := range map[string]string{"TAGS": "new", "KEYS": "a b", "x": "1=2", "DELAY": "3", "WAIT": "true"} {
		if got, _ := record.Property(m.Properties, name); got != want {
			t.Errorf("property %s is %q, want %q", name, got, want)
		}
	}
	if key, _ := record.Property(m.Properties, "UNIQ_KEY"); len(key) != 32 {
		t.Errorf("unique key %q", key)
	}
}

func TestProduceMany(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 0)
	o := f.run(t, strings.Repeat("line\n", 500), "produce", "-t", "T", "--in-flight", "16", "-q")
	if n := len(f.queues["T/0"]) + len(f.queues["T/1"]); o.code != exitOK || n != 500 {
		t.Errorf("500 lines store %d messages and exit with %d: %s", n, o.code, o.err)
	}
}

func TestProduceFailures(t *testing.T) {
	tests := []struct {
		name, line, in string
		codes          []int32 // answers to the sends
		code           int
		stored         int
		err            string
	}{
		{"tries another queue", "produce -t T x", "", []int32{remoting.RespSystemBusy, remoting.RespServiceNotAvailable}, exitOK, 1, ""},
		{"gives up", "produce -t T x", "", []int32{2, 2, 2}, exitFailed, 0, "SYSTEM_BUSY"},
		{"does not try what cannot help", "produce -t T x", "", []int32{remoting.RespMessageIllegal}, exitFailed, 0, "message 1: "},
		{"says where it stopped", "produce -t T", "a\nb\nc\nd\n", []int32{0, 0, remoting.RespMessageIllegal}, exitPartly, 2, "2 messages were sent: message 3: "},
		{"flush not confirmed", "produce -t T", "a\nb\n", []int32{0, remoting.RespFlushDiskTimeout}, exitPartly, 2, "of 2 messages that were stored, 1 "},
		{"no topic", "produce -t Nope --create=false x", "", nil, exitNotFound, 0, "topic create makes one"},
		{"no topic at the broker", "produce -t Nope --create=false x --broker BROKER", "", nil, exitNotFound, 0, "TOPIC_NOT_EXIST"},
		{"no such queue", "produce -t T --queue 7 x", "", nil, exitNotFound, 0, "no queue 7; there are box/0 to 1"},
		{"no such broker", "produce -t T --queue other/0 x", "", nil, exitNotFound, 0, "no queue other/0"},
		{"read only", "produce -t ReadOnly x", "", nil, exitNotFound, 0, "no queue that takes messages"},
		{"a line beyond 4 MiB", "produce -t T -q", "a\n" + strings.Repeat("x", maxBody+1) + "\nb\n", nil, exitPartly, 1, "line 2: longer than 4194304 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := startFake(t)
			f.addTopic("T", 0)
			f.topics["ReadOnly"] = table.Topic{Name: "ReadOnly", ReadQueueNums: 1, WriteQueueNums: 1, Perm: table.PermRead}
			f.codes = tt.codes
			o := f.run(t, tt.in, strings.Fields(strings.ReplaceAll(tt.line, "BROKER", f.addr))...)
			stored := len(f.queues["T/0"]) + len(f.queues["T/1"])
			if o.code != tt.code || stored != tt.stored || !strings.Contains(o.err, tt.err) {
				t.Errorf("exits with %d, %d messages stored, and says %s\nwant %d, %d, %q", o.code, stored, o.err, tt.code, tt.stored, tt.err)
			}
		})
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for in, want := range map[string][]string{
		"":                     nil,
		"\n\n":                 nil,
		"a":                    {"a"},
		"a\nb\r\n\n\r\n c \n":  {"a", "b", " c "},
		long + "\n" + long[1:]: {long, long[1:]},
	} {
		next := lines(iotest.HalfReader(strings.NewReader(in)))
		var got []string
		for {
			line, err := next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(line))
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("lines of %.40q are %.80q, want %.80q", in, got, want)
		}
	}
}

// What has no line ends and is not too long comes out as it went in.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb"))
	f.Add([]byte("\r\n\r"))
	f.Fuzz(func(t *testing.T, in []byte) {
		next := lines(bytes.NewReader(in))
		n := 0
		for {
			line, err := next()
			if err != nil {
				break
			}
			n += len(line)
			if len(line) == 0 || bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("lines of %q have %q", in, line)
			}
		}
		if ends := bytes.Count(in, []byte("\n")) + bytes.Count(in, []byte("\r\n")); n+ends != len(in) {
			t.Errorf("lines of %q have %d bytes, without %d of line ends", in, n, ends)
		}
	})
}

func TestUniqueKeys(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	k := newKeyMaker(now)
	seen := make(map[string]bool)
	for range 200_000 { // more than the counter holds
		seen[k.next()] = true
	}
	if len(seen) != 200_000 {
		t.Errorf("%d different keys of 200000", len(seen))
	}
}

// What was sent before an interrupt is told.
func TestProduceInterrupted(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 0)
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	go func() {
		io.WriteString(w, "a\nb\n")
		cancel()
		io.WriteString(w, strings.Repeat("c\n", 10_000))
		w.Close()
	}()
	var out, errOut bytes.Buffer
	e := &env{in: r, out: &out, err: &errOut, getenv: func(string) string { return "" }}
	code := execute(ctx, e, []string{"produce", "-t", "T", "-q", "--namesrv", f.addr})
	r.Close()
	if code == exitOK || !strings.Contains(errOut.String(), "interrupted") {
		t.Errorf("exits with %d and says %s", code, errOut.String())
	}
}

// A topic that the first line makes has four queues, whatever its template has:
// all lines go to these.
func TestProduceManyLinesToANewTopic(t *testing.T) {
	f := startFake(t)
	o := f.run(t, strings.Repeat("x\n", 20), "produce", "-t", "New")
	if o.code != exitOK {
		t.Fatalf("exits with %d and says %s", o.code, o.err)
	}
	for q := range 8 {
		if n := len(f.queues["New/"+strconv.Itoa(q)]); n > 0 != (q < newTopicQueues) {
			t.Errorf("queue %d has %d messages", q, n)
		}
	}
}
