package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

func TestQuarantineList(t *testing.T) {
	root := t.TempDir()
	a := orders(4)
	name := a.write(t, filepath.Join(root, "quarantine"), 30)
	if err := os.WriteFile(filepath.Join(root, "quarantine", "meta.db-1"), []byte("not of the log"), 0o644); err != nil {
		t.Fatal(err)
	}
	other := len(a.b)/4 - 30
	for _, args := range [][]string{{root}, {filepath.Join(root, "quarantine")}, {"--dir", root}} {
		o := runIn(t.Context(), "", "", append([]string{"log", "quarantine", "list"}, args...)...)
		lines := strings.Split(o.out, "\n")
		if o.code != exitOK || len(lines) != 3 || strings.Join(strings.Fields(lines[1])[:6], " ") != name+" 4126 "+size(int64(len(a.b)-30))+" 3 "+strconv.Itoa(other) {
			t.Errorf("%q exits with %d and writes\n%s%s", args, o.code, o.out, o.err)
		}
	}
	o := runIn(t.Context(), "", "", "log", "quarantine", "list", "--json", root)
	if want := `"from":4126,"size":` + strconv.Itoa(len(a.b)-30) + `,"messages":3,"otherBytes":` + strconv.Itoa(other); o.code != exitOK || !strings.Contains(o.out, want) {
		t.Errorf("exits with %d and writes %s, want %s", o.code, o.out, want)
	}
	args := []string{"log", "quarantine", "list", filepath.Join(root, "nowhere")}
	runIn(t.Context(), "", "", args...).check(t, args, exitNotFound, "", "nowhere")
	args = []string{"log", "quarantine", "list", root, "--dir", root}
	runIn(t.Context(), "", "", args...).check(t, args, exitUsage, "", "only one of them")
}

func TestQuarantineShow(t *testing.T) {
	a := orders(2)
	half := len(a.b) / 2
	a.add(record.Message{Topic: "Bad\x1bTopic", QueueID: 7, Body: []byte("\xff\x1b[2J"), Properties: "TAGS\x01T"})
	name := a.write(t, t.TempDir(), 30)
	head := "4126  no whole record  " + strconv.Itoa(half-30) + " bytes\n" + strconv.Itoa(4096+half) + "  Orders/1  offset 0  2026-11-23T03:21:53.251Z  tag -  keys k1  " + strconv.Itoa(half) + " bytes"
	tail := strconv.Itoa(4096+2*half) + `  Bad'\x1b'Topic/7  offset 0  2026-11-23T03:21:53.251Z  tag T  keys -  ` + strconv.Itoa(len(a.b)-2*half) + " bytes"
	args := []string{"log", "quarantine", "show", name}
	runIn(t.Context(), "", "", args...).check(t, args, exitOK, head+"\n"+tail+"\n", "")
	args = append(args, "--bodies")
	runIn(t.Context(), "", "", args...).check(t, args, exitOK, head+"  order 1\n"+tail+`  '\ufffd''\x1b'[2J`+"\n", "")
	args = append(args, "--json")
	o := runIn(t.Context(), "", "", args...)
	for i, want := range []string{`{"phyOffset":4126,"size":` + strconv.Itoa(half-30) + `,"note":"no whole record"}`, `"topic":"Orders","queueId":1,"queueOffset":0,"storeTimestamp":1795404113251,"msgId":"00000000000000000000000000000001","keys":"k1","body":"order 1"}`, `"tags":"T","bodyBase64":"/xtbMko="}`} {
		if lines := strings.Split(o.out, "\n"); len(lines) != 4 || !strings.Contains(lines[i], want) {
			t.Errorf("line %d of\n%s is not %s", i, o.out, want)
		}
	}
	for file, want := range map[string]string{filepath.Join(t.TempDir(), "x"): "no such file", t.TempDir(): "is no file"} {
		if o := runIn(t.Context(), "", "", "log", "quarantine", "show", file); o.code == exitOK || !strings.Contains(o.err, want) {
			t.Errorf("show %s exits with %d and writes %s", file, o.code, o.err)
		}
	}
}

func TestQuarantineSend(t *testing.T) {
	f := startFake(t)
	f.addTopic("Orders", 0)
	f.addTopic("Other", 0)
	a := orders(4)
	first := len(a.b) / 4
	a.add(record.Message{Topic: "Other", QueueID: 9, Body: []byte("packed"), SysFlag: record.SysCompressed | record.SysCommit | compressionZstd, Flag: 5, BornTimestamp: 77, ReconsumeTimes: 3})
	a.add(record.Message{Topic: "RMQ_SYS_TRANS_HALF_TOPIC", Body: []byte("half")})
	a.add(record.Message{Topic: "Orders", Body: []byte("prepared"), SysFlag: record.SysPrepared})
	name := a.write(t, t.TempDir(), 30)
	args := []string{"log", "quarantine", "send", name}
	skipped := ", skipped 1 of a topic of RocketMQ itself, skipped 1 of a transaction that was not committed"
	rest := "; " + strconv.Itoa(first-30) + " bytes belong to no whole message\n"
	dry := append(args, "--dry-run")
	f.run(t, "", dry...).check(t, dry, exitOK, "would be sent 4"+skipped+rest, "")
	if len(f.sends) > 0 {
		t.Error("--dry-run sends")
	}
	f.run(t, "", args...).check(t, args, exitOK, "sent 4"+skipped+rest, "")
	for q, want := range map[string][]string{"Orders/0": {"order 2"}, "Orders/1": {"order 1", "order 3"}, "Other/0": {"packed"}} {
		var got []string
		for _, m := range f.queues[q] {
			got = append(got, string(m.Body))
		}
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("%s has %q, want %q", q, got, want)
		}
	}
	if got, want := f.sends[0].Get("i"), "KEYS\x01k1\x02UNIQ_KEY\x01"+strings.Repeat("0", 31)+"1"; strings.TrimSuffix(got, "\x02") != want {
		t.Errorf("the properties are %q, want %q", got, want)
	}
	last := f.sends[3]
	for key, want := range map[string]string{"b": "Other", "e": "0", "f": strconv.Itoa(int(record.SysCompressed | compressionZstd)), "g": "77", "h": "5", "j": "3"} {
		if last.Get(key) != want {
			t.Errorf("field %s is %q, want %q", key, last.Get(key), want)
		}
	}
	if !strings.Contains(last.Get("i"), "UNIQ_KEY\x01") {
		t.Errorf("a message without a unique key is sent with %q", last.Get("i"))
	}
}

func TestQuarantineSendFails(t *testing.T) {
	f := startFake(t)
	f.addTopic("Orders", 0)
	a := orders(3)
	a.add(record.Message{Topic: "Gone", Body: []byte("x")})
	name := a.write(t, t.TempDir(), 0)
	send := func(more ...string) outcome {
		return f.run(t, "", append([]string{"log", "quarantine", "send", name}, more...)...)
	}
	if o := send(); o.code != exitPartly || !strings.Contains(o.out, "sent 3, failed 1\n") || !strings.Contains(o.err, "Gone") {
		t.Errorf("exits with %d and writes %s%s", o.code, o.out, o.err)
	}
	if o := send("--topic", "Orders"); o.code != exitOK || !strings.Contains(o.out, "sent 3, skipped 1 of another topic\n") {
		t.Errorf("exits with %d and writes %s%s", o.code, o.out, o.err)
	}
	if o := send("--topic", "Gone", "--json"); o.code != exitNotFound || !strings.Contains(o.out, `"sent":0,"unconfirmed":0,"skipped":{"of another topic":3},"failed":1`) {
		t.Errorf("exits with %d and writes %s%s", o.code, o.out, o.err)
	}
	f.mu.Lock()
	f.codes = []int32{remoting.RespMessageIllegal, remoting.RespSystemBusy, 0, remoting.RespFlushDiskTimeout}
	f.mu.Unlock()
	if o := send("--topic", "Orders"); o.code != exitPartly || !strings.Contains(o.out, "sent 2, skipped 1 of another topic, failed 1\n") || !strings.Contains(o.err, "MESSAGE_ILLEGAL") {
		t.Errorf("exits with %d and writes %s%s", o.code, o.out, o.err)
	}
	f.mu.Lock()
	f.codes = []int32{remoting.RespFlushSlaveTimeout}
	f.mu.Unlock()
	if o := send("--topic", "Orders"); o.code != exitPartly || !strings.Contains(o.err, "1 have their flush or replication unconfirmed") {
		t.Errorf("exits with %d and writes %s%s", o.code, o.out, o.err)
	}
	if o := runIn(t.Context(), "127.0.0.1:1", "", "log", "quarantine", "send", name); o.code != exitUnreachable || !strings.Contains(o.out, "sent 0\n") {
		t.Errorf("exits with %d and writes %s%s", o.code, o.out, o.err)
	}
	n := len(f.sends)
	if o := send("--broker", f.addr, "--topic", "Orders"); o.code != exitOK || len(f.sends) != n+3 || f.sends[n+1].Get("e") != "1" {
		t.Errorf("exits with %d and writes %s%s", o.code, o.out, o.err)
	}
}
