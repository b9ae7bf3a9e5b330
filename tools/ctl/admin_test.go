package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

func TestTopicCommands(t *testing.T) {
	f := startFake(t)
	f.addTopic("Orders", 3)
	steps := []struct {
		line     string
		code     int
		out, err string
	}{
		{"topic list", exitOK, "Orders\n", ""},
		{"topic list --all", exitOK, "%RETRY%G\nLan\nOrders\nTBW102\nbox\nrmq_sys_trace\n", ""},
		{"topic list --json", exitOK, `["Orders"]` + "\n", ""},
		{"topic list --broker BROKER", exitOK, "Orders\n", ""},
		{"topic create New", exitOK, "", ""},
		{"topic create New", exitFailed, "", "there is a topic New already"},
		{"topic create Small --queues 1 --perm r", exitOK, "", ""},
		{"topic list", exitOK, "New\nOrders\nSmall\n", ""},
		{"topic show New --json", exitOK, `{"topic":"New","brokers":[{"brokerName":"box","addr":"ADDR","perm":"rw","readQueueNums":8,"writeQueueNums":8}],"queues":[` +
			strings.TrimSuffix(strings.Repeat(`{"brokerName":"box","queueId":N,"minOffset":0,"maxOffset":0},`, 8), ",") + `],"messages":0}` + "\n", ""},
		{"topic update New --read-queues 2 --write-queues 1", exitOK, "", ""},
		{"topic show New", exitOK, "BROKER  ADDRESS  PERM  READ QUEUES  WRITE QUEUES\nbox     ADDR     rw    2            1\n\n" +
			"QUEUE  FIRST  NEXT  MESSAGES\nbox/0  0      0     0\nbox/1  0      0     0\n\nmessages: 0\n", ""},
		{"topic update Small --perm rw --broker BROKER", exitOK, "", ""},
		{"topic show Small --broker BROKER", exitOK, "BROKER  ADDRESS  PERM  READ QUEUES  WRITE QUEUES\n-       ADDR     rw    1            1\n\n" +
			"QUEUE  FIRST  NEXT  MESSAGES\n0      0      0     0\n\nmessages: 0\n", ""},
		{"topic create Wild --queues 1", exitOK, "", ""},
		{"topic show Wild", exitOK, "BROKER  ADDRESS  PERM  READ QUEUES  WRITE QUEUES\nbox     ADDR     rw    1            1\n\n" +
			"QUEUE  FIRST  NEXT  MESSAGES\nbox/0  0      0     0\n\nmessages: 0\nquota of the log of box: 1.5 MiB of 2.0 MiB\n", ""},
		{"topic show Wild --json", exitOK, `{"topic":"Wild","brokers":[{"brokerName":"box","addr":"ADDR","perm":"rw","readQueueNums":1,"writeQueueNums":1,` +
			`"heldBytes":1572864,"quotaBytes":2097152}],"queues":[{"brokerName":"box","queueId":0,"minOffset":0,"maxOffset":0}],"messages":0}` + "\n", ""},
		{"topic delete Wild --yes", exitOK, "", ""},
		{"topic delete New --yes", exitOK, "", ""},
		{"topic delete New --yes", exitNotFound, "", "no route for topic New"},
		{"topic update New --queues 4", exitNotFound, "", "no broker has a topic New"},
		{"topic show New", exitNotFound, "", "topic create makes one"},
		{"topic create New --cluster Other", exitNotFound, "", `no master of a cluster "Other"`},
	}
	for _, s := range steps {
		args := strings.Fields(strings.ReplaceAll(s.line, "BROKER", f.addr))
		o := f.run(t, "", args...)
		o.out = squeeze(strings.ReplaceAll(o.out, f.addr, "ADDR"))
		o.check(t, args, s.code, squeeze(numberQueues(s.out)), s.err)
	}
	if f.topics["Small"].Perm != table.PermRead|table.PermWrite || f.topics["Small"].FilterType != "SINGLE_TAG" {
		t.Errorf("topic Small is %+v", f.topics["Small"])
	}
}

// squeeze makes runs of blanks one: an address is of any width.
func squeeze(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

// numberQueues replaces the Ns in s by 0, 1, 2 and so on.
func numberQueues(s string) string {
	for i := byte('0'); strings.Contains(s, `"queueId":N`); i++ {
		s = strings.Replace(s, `"queueId":N`, `"queueId":`+string(i), 1)
	}
	return s
}

func TestShowTopicCountsMessages(t *testing.T) {
	f := startFake(t)
	f.addTopic("Orders", 3)
	f.firstQ = 1
	args := []string{"topic", "show", "Orders"}
	o := f.run(t, "", args...)
	if want := "box/0  1      3     2\nbox/1  1      3     2\n\nmessages: 4\n"; !strings.HasSuffix(o.out, want) {
		t.Errorf("writes\n%s\nwant at its end\n%s", o.out, want)
	}
}

func TestTopicDeleteThatAPartRefuses(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 0)
	f.refuse[remoting.ReqDeleteTopicInNamesrv] = remoting.RespSystemError
	args := []string{"topic", "delete", "T", "--yes"}
	f.run(t, "", args...).check(t, args, exitPartly, "", "not every name server")
}

// A second master that is not there takes no change.
func TestChangesThatOneBrokerDoesNotTake(t *testing.T) {
	f := startFake(t)
	f.others["gone"] = discovery.BrokerData{BrokerName: "gone", Cluster: "Lan", BrokerAddrs: map[int64]string{0: "127.0.0.1:1"}}
	f.addTopic("T", 0)
	for _, line := range []string{"topic create New", "topic update T --queues 3", "group create G"} {
		args := strings.Fields(line)
		f.run(t, "", args...).check(t, args, exitPartly, "", "on 1 of 2 brokers")
	}
	args := []string{"load", "send"}
	f.run(t, "", args...).check(t, args, exitUsage, "", "name one with --broker")
}

func TestGroupCommands(t *testing.T) {
	f := startFake(t)
	f.addTopic("T", 5)
	f.offsets["G/T/0"], f.offsets["G/T/1"] = 5, 3
	steps := []struct {
		line     string
		code     int
		out, err string
	}{
		{"group list", exitOK, "", ""},
		{"group list --json", exitOK, "[]\n", ""},
		{"group show G", exitNotFound, "", "no broker has a group G"},
		{"group create G --retry-max 3 --consume=false", exitOK, "", ""},
		{"group list", exitOK, "G\n", ""},
		{"group show G", exitOK, "BROKER CONSUMES RETRIES RETRY QUEUES\nbox no 3 1\n\nCONSUMER ADDRESS LANGUAGE\n192.0.2.9@1 192.0.2.9:1234 JAVA\n\n" +
			"TOPIC QUEUE CONSUMED TO OF BEHIND LAST CONSUMED\nT box/0 5 5 0 2026-11-23T03:21:53.251Z\nT box/1 3 5 2 2026-11-23T03:21:53.251Z\n\nmessages behind: 2\n", ""},
		{"group delete G --yes", exitOK, "", ""},
		{"group delete G --yes", exitNotFound, "", "no broker has a group G"},
	}
	f.online["G"] = "192.0.2.9@1"
	for _, s := range steps {
		args := strings.Fields(s.line)
		o := f.run(t, "", args...)
		o.out = squeeze(o.out)
		o.check(t, args, s.code, s.out, s.err)
	}
	if len(f.offsets) != 0 {
		t.Errorf("offsets of a deleted group: %v", f.offsets)
	}
	f.offsets["H/T/0"] = 1
	f.run(t, "", "group", "create", "H")
	if f.run(t, "", "group", "delete", "H", "--keep-offsets"); len(f.offsets) != 1 {
		t.Errorf("offsets of a group deleted with --keep-offsets: %v", f.offsets)
	}
	f.run(t, "", "group", "create", "H")
	var g shownGroup
	if o := f.run(t, "", "group", "show", "H", "--json"); json.Unmarshal([]byte(o.out), &g) != nil || g.Behind != 4 || g.Settings["box"].RetryMaxTimes != 16 {
		t.Errorf("JSON %s", o.out)
	}
}

func TestStatus(t *testing.T) {
	f := startFake(t)
	o := f.run(t, "", "status")
	out := squeeze(strings.ReplaceAll(o.out, f.addr, "ADDR"))
	if o.code != exitOK || !strings.HasPrefix(out, "NAME SERVER STATE BROKERS MS\nADDR answers 1 ") ||
		!strings.Contains(out, "Lan box master ADDR V4_9_7 3.1 12.3 3.0 100 25 3.0 MiB - 23 %\n") ||
		!strings.Contains(out, "\nbox, master: half of all, and 99 of 100, in the last minutes took no longer than: send 0.31/2.1 ms, fsync 0.28/1.9 ms\n") ||
		!strings.Contains(out, "\nbox, master: accounts: users.json is not good\n") ||
		!strings.HasSuffix(out, "\nbox, master: refuses messages of topics that have reached their quota: Wild\n") {
		t.Errorf("exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
	o = f.run(t, "", "status", "--broker", f.addr)
	if out := squeeze(o.out); o.code != exitOK || strings.Contains(out, "NAME SERVER") || !strings.Contains(out, "Lan box slave 2 "+f.addr+" V4_9_7") {
		t.Errorf("of one broker: exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
	f.refuse[remoting.ReqGetBrokerConfig] = remoting.RespNoPermission
	o = f.run(t, "", "status", "--broker", f.addr)
	if out := squeeze(o.out); o.code != exitOK || !strings.Contains(out, "- - master "+f.addr+" V4_9_7") {
		t.Errorf("of one broker that does not tell its settings: exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
}

func TestStatusIsWatchedUntilInterrupted(t *testing.T) {
	f := startFake(t)
	ctx, interrupt := context.WithTimeout(t.Context(), time.Second)
	defer interrupt()
	o := runIn(ctx, f.addr, "", "status", "--watch=10ms")
	if n := strings.Count(o.out, "NAME SERVER"); o.code != exitOK || n < 2 || strings.Count(o.out, separator(false)) < n-1 {
		t.Errorf("exits with %d after %d tables and writes\n%s%s", o.code, n, o.out, o.err)
	}
}

func TestStatusOfServersThatDoNotAnswer(t *testing.T) {
	f := startFake(t)
	f.others["box2"] = discovery.BrokerData{BrokerName: "box2", Cluster: "Lan", BrokerAddrs: map[int64]string{0: "127.0.0.1:1", 1: "127.0.0.1:2"}}
	o := f.run(t, "", "status", "--namesrv", f.addr+";127.0.0.1:3")
	out := squeeze(o.out)
	for _, want := range []string{"127.0.0.1:3 does not answer", "box2 master 127.0.0.1:1 does not answer", "box2 slave 1 127.0.0.1:2 does not answer", "box master"} {
		if !strings.Contains(out, want) {
			t.Errorf("writes\n%s\nwant %q", out, want)
		}
	}
	if o.code != exitPartly || !strings.Contains(o.err, "of 5 servers, 3 do not") {
		t.Errorf("exits with %d and says %s", o.code, o.err)
	}
	f.refuse[remoting.ReqGetBrokerRuntimeInfo] = remoting.RespSystemError
	if o := f.run(t, "", "status"); o.code != exitPartly || !strings.Contains(o.out, "refuses: SYSTEM_ERROR") {
		t.Errorf("of a broker that refuses: exits with %d and writes\n%s", o.code, o.out)
	}
}

func TestStatusTellsHowFarASlaveIsBehind(t *testing.T) {
	st := status{Brokers: []brokerStatus{
		{BrokerName: "box", BrokerID: 0, Runtime: map[string]string{"commitLogMaxOffset": "5000"}},
		{BrokerName: "box", BrokerID: 1, Runtime: map[string]string{"commitLogMaxOffset": "2952"}},
		{BrokerName: "box", BrokerID: 2, Runtime: map[string]string{}},
		{BrokerName: "other", BrokerID: 1, Runtime: map[string]string{"commitLogMaxOffset": "1"}},
	}}
	st.compare()
	for i, want := range []string{"-", "2.0 KiB", "-", "-"} {
		if got := st.Brokers[i].behind(); got != want {
			t.Errorf("broker %d is behind by %s, want %s", i, got, want)
		}
	}
}

func TestLoad(t *testing.T) {
	f := startFake(t)
	o := f.run(t, "", "load", "send", "--count", "200", "--size", "50", "--in-flight", "10", "--queues", "2")
	if o.code != exitOK || !strings.Contains(o.out, "200 messages in") || !strings.Contains(o.out, "answers: SUCCESS 200\n") {
		t.Errorf("exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
	if n := len(f.queues["PairmqLoad/0"]) + len(f.queues["PairmqLoad/1"]); n != 200 || f.topics["PairmqLoad"].WriteQueueNums != 2 {
		t.Errorf("%d messages are stored in %d queues", n, f.topics["PairmqLoad"].WriteQueueNums)
	}
	o = f.run(t, "", "load", "pull", "--queues", "2", "--delete", "--json")
	var r struct {
		Messages int64
		Codes    map[string]int64
	}
	if err := json.Unmarshal([]byte(o.out), &r); err != nil || o.code != exitOK || r.Messages != 200 || r.Codes["0"] != 100 {
		t.Errorf("exits with %d, %v, and writes\n%s%s", o.code, err, o.out, o.err)
	}
	if _, ok := f.topics["PairmqLoad"]; ok {
		t.Error("the topic is still there after --delete")
	}
	f.codes = []int32{2, 2, 2}
	o = f.run(t, "", "load", "send", "--count", "20", "--broker", f.addr)
	if o.code != exitPartly || !strings.Contains(o.err, "3 requests were refused") || !strings.Contains(o.out, "SYSTEM_BUSY 3") {
		t.Errorf("with refusals: exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
}

func TestQuoteObjectKeys(t *testing.T) {
	tests := []struct {
		name, in, want string
		err            error
	}{
		{"nothing to do", `{"a":[1,{"b":"{x"}],"c":{}}`, `{"a":[1,{"b":"{x"}],"c":{}}`, nil},
		{"one", `{"t":{{"topic":"T"}:1}}`, `{"t":{"{\"topic\":\"T\"}":1}}`, nil},
		{"two", `{{"q":0}:{"o":1}, {"q":1}:{"o":2}}`, `{"{\"q\":0}":{"o":1}, "{\"q\":1}":{"o":2}}`, nil},
		{"brackets in strings", `{{"q":"}\"{"}:1}`, `{"{\"q\":\"}\\\"{\"}":1}`, nil},
		{"numbers as keys", `{0:{"a":1}}`, `{0:{"a":1}}`, nil},
		{"objects in an array", `[{"a":1},{"b":2}]`, `[{"a":1},{"b":2}]`, nil},
		{"not closed", `{"a":{`, "", errRawKeys},
		{"key not closed", `{{"a":1`, "", errRawKeys},
		{"closed twice", `{}}`, "", errRawKeys},
		{"closed by the other", `{]`, "", errRawKeys},
		{"too deep", strings.Repeat("[", 40), "", errRawKeys},
	}
	for _, tt := range tests {
		got, err := quoteObjectKeys([]byte(tt.in))
		if string(got) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: quoteObjectKeys(%s) = %s, %v; want %s, %v", tt.name, tt.in, got, err, tt.want, tt.err)
		}
	}
}

// Standard JSON stays as it is.
func FuzzQuoteObjectKeys(f *testing.F) {
	f.Add([]byte(`{{"q":0}:{"o":1}}`))
	f.Add([]byte(`{"a":["{",{}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := quoteObjectKeys(in)
		if !json.Valid(in) {
			return
		}
		if err == nil && string(out) != string(in) {
			t.Errorf("%s became %s", in, out)
		}
		if err != nil && strings.Count(string(in), "{")+strings.Count(string(in), "[") <= maxNesting {
			t.Errorf("%s is refused: %v", in, err)
		}
	})
}

func TestStatusTellsWhatAStoreLiesOn(t *testing.T) {
	all := map[string]string{"storeFileSystem": "f2fs at /data", "storeDevice": "mmcblk0p3 (eMMC, write back)", "flashLife": "20-30 % used, reserve normal"}
	tests := []struct {
		runtime map[string]string
		want    string
	}{
		{all, "stores in f2fs at /data, on mmcblk0p3 (eMMC, write back), 20-30 % used, reserve normal"},
		{map[string]string{"storeFileSystem": "tmpfs at /tmp"}, "stores in tmpfs at /tmp"},
		{map[string]string{"brokerVersionDesc": "V5_4_0"}, ""}, // one of Apache's does not say
	}
	for _, tt := range tests {
		if got := (&brokerStatus{Runtime: tt.runtime}).place(); got != tt.want {
			t.Errorf("of %v status says %q, want %q", tt.runtime, got, tt.want)
		}
	}
	var out strings.Builder
	e := &env{out: &out}
	if err := e.printStatus(status{Brokers: []brokerStatus{{BrokerName: "box", Addr: "a", Runtime: all}}}); err != nil || !strings.Contains(out.String(), "\nbox, master: stores in f2fs") {
		t.Errorf("writes %v\n%s", err, &out)
	}
}

func TestMetricsArePrinted(t *testing.T) {
	f := startFake(t)
	if o := f.run(t, "", "metrics", "--broker", f.addr); o.code != exitOK || o.out != "pairmq_x 1\n" {
		t.Errorf("ends with %d and writes %q", o.code, o.out)
	}
	if o := f.run(t, "", "metrics", "--broker", f.addr, "--json"); o.code != exitOK || o.out != `{"text":"pairmq_x 1\n"}`+"\n" {
		t.Errorf("as JSON it ends with %d and writes %q", o.code, o.out)
	}
	if o := f.run(t, "", "metrics"); o.code != exitUsage {
		t.Errorf("of no broker it ends with %d, want %d", o.code, exitUsage)
	}
}
