package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// bodiesOf returns the bodies in the output of consume --raw, sorted: queues are
// read at the same time.
func bodiesOf(out string) []string {
	all := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if out == "" {
		return nil
	}
	slices.Sort(all)
	return all
}

func TestConsume(t *testing.T) {
	tests := []struct {
		name, line string
		want       []string
	}{
		{"all", "", []string{"T 0/0", "T 0/1", "T 0/2", "T 1/0", "T 1/1", "T 1/2"}},
		{"from the first", "--from first", []string{"T 0/0", "T 0/1", "T 0/2", "T 1/0", "T 1/1", "T 1/2"}},
		{"from the last", "--from last", nil},
		{"a queue", "--queue 1", []string{"T 1/0", "T 1/1", "T 1/2"}},
		{"a queue of a broker", "--queue box/0", []string{"T 0/0", "T 0/1", "T 0/2"}},
		{"an offset", "--from offset:2", []string{"T 0/2", "T 1/2"}},
		{"an offset, short", "--from 2", []string{"T 0/2", "T 1/2"}},
		{"an offset beyond the end", "--from 9", nil},
		{"a time", fmt.Sprintf("--from time:%d", storeTime+1), []string{"T 0/1", "T 0/2", "T 1/1", "T 1/2"}},
		{"a tag", "--tag odd", []string{"T 0/1", "T 1/1"}},
		{"two tags", "--tag odd||even --queue 0", []string{"T 0/0", "T 0/1", "T 0/2"}},
		{"a tag nobody has", "--tag none", nil},
		{"a count", "--queue 0 --count 2", []string{"T 0/0", "T 0/1"}},
		{"of one broker", "--queue 0 --count 1 --broker BROKER", []string{"T 0/0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := startFake(t)
			f.addTopic("T", 3)
			args := strings.Fields("consume -t T --raw " + strings.ReplaceAll(tt.line, "BROKER", f.addr))
			o := f.run(t, "", args...)
			if got := bodiesOf(o.out); o.code != exitOK || !slices.Equal(got, tt.want) {
				t.Errorf("pairmq %s\nexits with %d, %s and reads %q, want %q", strings.Join(args, " "), o.code, o.err, got, tt.want)
			}
		})
	}
}

func TestConsumeAfterTheFirstMessagesAreGone(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 3)
	f.firstQ = 1
	for _, from := range []string{"first", "0"} {
		o := f.run(t, "", "consume", "-t", "T", "--raw", "--queue", "0", "--from", from)
		if got := bodiesOf(o.out); !slices.Equal(got, []string{"T 0/1", "T 0/2"}) {
			t.Errorf("--from %s reads %q", from, got)
		}
	}
}

func TestConsumePrints(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 1)
	f.put("T", 0, []byte("tab\tand \x1b[31mred\nline"), record.AppendProperty("", "KEYS", "k1 k2"))
	args := []string{"consume", "-t", "T", "--queue", "0"}
	o := f.run(t, "", args...)
	o.check(t, args, exitOK,
		`box/0  offset 0  2026-11-23T03:21:53.251Z  tag even  keys -  T 0/0`+"\n"+
			`box/0  offset 1  2026-11-23T03:21:53.252Z  tag -  keys k1 k2  tab'\t'and '\x1b'[31mred'\n'line`+"\n", "")

	args = append(args, "--json", "--from", "1")
	o = f.run(t, "", args...)
	var m map[string]any
	if err := json.Unmarshal([]byte(o.out), &m); err != nil {
		t.Fatalf("%v: %s", err, o.out)
	}
	for key, want := range map[string]any{
		"topic": "T", "brokerName": "box", "queueId": 0.0, "queueOffset": 1.0, "keys": "k1 k2", "bornHost": "192.0.2.7:4711",
		"storeTimestamp": float64(storeTime + 1), "body": "tab\tand \x1b[31mred\nline",
	} {
		if m[key] != want {
			t.Errorf("JSON has %s: %v, want %v", key, m[key], want)
		}
	}
}

func TestMessagesThatAreNotText(t *testing.T) {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	io.WriteString(w, "long text")
	w.Close()
	tests := []struct {
		name     string
		sysFlag  int32
		body     []byte
		text     string // in a line for people
		jsonPart string
	}{
		{"zlib", 0x301, b.Bytes(), "long text", `"body":"long text"`},
		{"zlib of client-go", 0x1, b.Bytes(), "long text", `"body":"long text"`},
		{"damaged", 0x301, []byte("xx"), "(the body cannot be decompressed: ", `"note":"the body cannot`},
		{"LZ4", 0x101, []byte("xx"), "(the body is compressed with LZ4)", `"note":"the body is compressed with LZ4"`},
		{"Zstandard", 0x201, []byte("xx"), "(the body is compressed with Zstandard)", `"note":"the body is compressed with Zstandard"`},
		{"binary", 0, []byte{0xff, 0x00}, `'\ufffd''\x00'`, `"bodyBase64":"/wA="`},
		{"empty", 0, nil, "", `"body":""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMessage(record.Message{Topic: "T", SysFlag: tt.sysFlag, Body: tt.body}, queue{id: 1})
			var out bytes.Buffer
			if err := (&env{out: &out}).printMessage(m, false); err != nil || !strings.Contains(out.String(), tt.text) {
				t.Errorf("printed as %q, %v; want %q in it", out.String(), err, tt.text)
			}
			b, err := json.Marshal(m)
			if err != nil || !strings.Contains(string(b), tt.jsonPart) {
				t.Errorf("JSON %s, %v; want %s in it", b, err, tt.jsonPart)
			}
		})
	}
}

func TestConsumeCommitsWhatWasPrinted(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 5)
	steps := []struct {
		line string
		want int // messages
		q0   int64
	}{
		{"--group G --queue 0 --count 3", 3, 3},
		{"--group G --queue 0 --commit=false", 2, 3},
		{"--group G --queue 0", 2, 5},
		{"--group G --queue 0", 0, 5},
		{"--group G --queue 0 --from first --count 1", 1, 1},
	}
	for _, s := range steps {
		args := strings.Fields("consume -t T --raw " + s.line)
		o := f.run(t, "", args...)
		if got := len(bodiesOf(o.out)); o.code != exitOK || got != s.want || f.offsets["G/T/0"] != s.q0 {
			t.Errorf("pairmq %s\nexits with %d, %s, reads %d messages and leaves offset %d; want %d and %d", strings.Join(args, " "), o.code, o.err, got, f.offsets["G/T/0"], s.want, s.q0)
		}
	}
	if _, ok := f.offsets["G/T/1"]; ok {
		t.Error("the offset of a queue was committed that was not read")
	}
	f.run(t, "", "consume", "-t", "T", "--raw")
	if len(f.offsets) != 1 {
		t.Errorf("without a group offsets were committed: %v", f.offsets)
	}
}

func TestConsumeRefusesAGroupThatIsOnline(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 1)
	f.online["G"] = "192.0.2.9@1"
	args := []string{"consume", "-t", "T", "-g", "G"}
	f.run(t, "", args...).check(t, args, exitFailed, "", "has consumers online")
	if o := f.run(t, "", append(args, "--force", "--raw")...); o.code != exitOK || len(bodiesOf(o.out)) != 2 {
		t.Errorf("--force exits with %d, %s and reads %q", o.code, o.err, o.out)
	}
}

func TestConsumeFailures(t *testing.T) {
	tests := []struct {
		line   string
		refuse int32 // request code
		code   int32 // of the answer
		want   int
		err    string
	}{
		{"-t Nope", 0, 0, exitNotFound, "no route for topic Nope"},
		{"-t Nope --broker BROKER", 0, 0, exitNotFound, "has no topic Nope"},
		{"-t T --queue 5", 0, 0, exitNotFound, "no queue 5"},
		{"-t T", remoting.ReqPullMessage, remoting.RespNoPermission, exitFailed, "NO_PERMISSION"},
		{"-t T --from last", remoting.ReqGetMaxOffset, remoting.RespSystemError, exitFailed, "GET_MAX_OFFSET"},
		{"-t T -g G", remoting.ReqUpdateConsumerOffset, remoting.RespSubscriptionGroupNotExist, exitNotFound, "UPDATE_CONSUMER_OFFSET"},
	}
	for _, tt := range tests {
		f := startFake(t)
		f.addTopic("T", 1)
		if tt.refuse != 0 {
			f.refuse[tt.refuse] = tt.code
		}
		o := f.run(t, "", strings.Fields("consume "+strings.ReplaceAll(tt.line, "BROKER", f.addr))...)
		if o.code != tt.want || !strings.Contains(o.err, tt.err) {
			t.Errorf("consume %s exits with %d and says %s\nwant %d and %q", tt.line, o.code, o.err, tt.want, tt.err)
		}
	}
}

// A follower sees what comes later, and ends with 0 when it is told to.
func TestConsumeFollows(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 1)
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan int, 1)
	var errOut bytes.Buffer
	go func() {
		e := &env{in: strings.NewReader(""), out: w, err: &errOut, getenv: func(string) string { return "" }}
		done <- execute(ctx, e, []string{"consume", "-t", "T", "--queue", "0", "-g", "G", "--follow", "--raw", "--namesrv", f.addr})
		w.Close()
	}()
	line := func() string {
		var b [6]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			t.Fatalf("%v, error output %s", err, errOut.String())
		}
		return string(b[:])
	}
	if got := line(); got != "T 0/0\n" {
		t.Errorf("reads %q first", got)
	}
	if o := f.run(t, "", "produce", "-t", "T", "--queue", "0", "later"); o.code != exitOK {
		t.Fatal(o.err)
	}
	if got := line(); got != "later\n" {
		t.Errorf("reads %q next", got)
	}
	cancel()
	if code := <-done; code != exitOK || f.offsets["G/T/0"] != 2 {
		t.Errorf("exits with %d, %s, offset %d committed; want 0 and 2", code, errOut.String(), f.offsets["G/T/0"])
	}
	f.release()
}

func TestParseStart(t *testing.T) {
	now := time.UnixMilli(10_000_000)
	for text, want := range map[string]start{
		"": {}, "first": {at: atFirst}, "last": {at: atLast}, "7": {at: atOffset, offset: 7}, "offset:7": {at: atOffset, offset: 7},
		"time:5000": {at: atTime, time: 5000}, "time:10s": {at: atTime, time: 9_990_000}, "time:1970-01-01T00:00:02Z": {at: atTime, time: 2000},
		"time:1970-01-01T01:00:02+01:00": {at: atTime, time: 2000},
	} {
		if got, err := parseStart(text, now); got != want || err != nil {
			t.Errorf("parseStart(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
}
