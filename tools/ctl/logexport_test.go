package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/store"
	"pairmq/store/record"
)

// content is all that a store has of a queue, without what a new store gives anew.
func (r *realBroker) content(t *testing.T, topic string, queueID int32) (all []string) {
	t.Helper()
	for at := int64(0); ; {
		res, err := r.store.Get(topic, queueID, at, 32, 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.Status != store.Found {
			return all
		}
		for b := res.Body; len(b) > 0; {
			v, err := record.Parse(b, record.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			m := v.Message()
			props := record.RemoveProperty(m.Properties, "CLUSTER") // the broker adds it
			all = append(all, fmt.Sprintf("%d %d %d %d %d %q %q", m.QueueOffset, m.Flag, m.SysFlag, m.BornTimestamp, m.ReconsumeTimes, strings.TrimSuffix(props, "\x02"), m.Body))
			b = b[v.Size():]
		}
		at = res.NextBeginOffset
	}
}

func TestExportAndImport(t *testing.T) {
	dead := deadStore(t, 120)
	source := startBroker(t, dead)
	for _, raw := range []bool{false, true} {
		for _, online := range []bool{false, true} {
			t.Run(fmt.Sprintf("raw %v, online %v", raw, online), func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "saved")
				args := []string{"log", "export", "-o", file}
				if raw {
					args = append(args, "--raw")
				}
				if online {
					args = append(args, "--broker", source.addr)
				} else {
					args = append(args, dead)
				}
				o := runIn(t.Context(), "", "", args...)
				if o.code != exitOK || !strings.HasPrefix(o.out, "exported messages 120, ") {
					t.Fatalf("export exits with %d and writes\n%s%s", o.code, o.out, o.err)
				}
				target := startBroker(t, t.TempDir(), "Orders", "Alarms")
				args = []string{"log", "import", "--broker", target.addr, file}
				runIn(t.Context(), "", "", args...).check(t, args, exitOK, "sent 120\ncame to message 120 of the file\n", "")
				for _, topic := range []string{"Orders", "Alarms"} {
					for q := range int32(2) {
						want, got := source.content(t, topic, q), target.content(t, topic, q)
						if len(want) != 30 || strings.Join(got, "\n") != strings.Join(want, "\n") {
							t.Errorf("%s/%d has\n%.400s\nwant\n%.400s", topic, q, strings.Join(got, "\n"), strings.Join(want, "\n"))
						}
					}
				}
			})
		}
	}
}

func TestExportOfDamage(t *testing.T) {
	dir := deadStore(t, 20)
	off, size := damageRecord(t, dir, 3)
	args := []string{"log", "export", dir}
	o := runIn(t.Context(), "", "", args...)
	if o.code != exitPartly || strings.Count(o.out, "\n") != 19 || !strings.Contains(o.err, fmt.Sprintf("%d  BAD_RECORD  %d bytes", off, size)) || !strings.Contains(o.err, "exported messages 19") {
		t.Errorf("exits with %d and writes %d lines, and\n%s", o.code, strings.Count(o.out, "\n"), o.err)
	}
}

func TestExportSelects(t *testing.T) {
	r := startBroker(t, t.TempDir(), "Orders", "Alarms")
	r.put(t, 80, "Orders", "Alarms")
	for args, want := range map[string]int{
		"": 80, "-t Orders": 40, "-t Orders --queue 1": 20, "--queue 7": 0, "-t Orders --queue-from 5": 30, "-t Orders --queue-from 5 --queue-to 7": 4,
		"--limit 3": 3, "--since 1h": 80, "--until 1000": 0, "--since 2100-01-01T00:00:00Z": 0, "--from 1": 79,
	} {
		o := runIn(t.Context(), "", "", append([]string{"log", "export", "--broker", r.addr}, strings.Fields(args)...)...)
		if got := strings.Count(o.out, "\n"); o.code != exitOK || got != want {
			t.Errorf("%q exits with %d and %d messages, want %d\n%s", args, o.code, got, want, o.err)
		}
	}
	args := []string{"log", "export", "--broker", r.addr, "-t", "None"}
	runIn(t.Context(), "", "", args...).check(t, args, exitNotFound, "", "no topic None")
	file := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	args = []string{"log", "export", "--broker", r.addr, "-o", file}
	runIn(t.Context(), "", "", args...).check(t, args, exitUsage, "", "never replaced")
	for line, want := range map[string]string{"": "whose messages", "x --broker 127.0.0.1:1": "only one"} {
		args := append([]string{"log", "export"}, strings.Fields(line)...)
		runIn(t.Context(), "", "", args...).check(t, args, exitUsage, "", want)
	}
	file = filepath.Join(t.TempDir(), "new")
	if o := runIn(t.Context(), "", "", "log", "export", t.TempDir(), "-o", file); o.code != exitUsage {
		t.Errorf("of no store it exits with %d, %s", o.code, o.err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a failed export leaves an empty file")
	}
}

func TestImport(t *testing.T) {
	r := startBroker(t, t.TempDir(), "Orders", "Old")
	line := func(n int, more string) string {
		return fmt.Sprintf(`{"topic":"Orders","queueId":1,"body":"eA==","properties":{"n":"%d"}%s}`+"\n", n, more)
	}
	tests := []struct {
		name, args, in string
		code           int
		out, err       string
	}{
		{"some", "", line(0, "") + "\n" + line(1, ""), exitOK, "sent 2\ncame to message 2 of the file\n", ""},
		{"dry", "--dry-run", line(0, "") + line(1, ""), exitOK, "would be sent 2\ncame to message 2 of the file\n", ""},
		{"skip", "--skip 2", line(0, "") + line(1, "") + line(2, ""), exitOK, "sent 1\ncame to message 3 of the file\n", ""},
		{"to another topic", "--to-topic Old -t Orders", strings.Replace(line(0, ""), `{"n"`, `{"DELAY":"3","n"`, 1) + strings.Replace(line(1, ""), "Orders", "Else", 1), exitOK, "sent 1, skipped 1 of another topic\ncame to message 2 of the file\n", ""},
		{"half of a transaction", "", line(0, `,"sysFlag":4`), exitOK, "sent 0, skipped 1 of a transaction that was not committed\ncame to message 1 of the file\n", ""},
		{"nonsense in the second line", "", line(0, "") + "{}\n", exitPartly, "sent 1\ncame to message 1 of the file\n", "go on with --skip 1: message 2 of the file: archive: no message: topic is missing"},
		{"garbage", "", "\x00\x01\x02", exitFailed, "sent 0\ncame to message 0 of the file\n", "message 1 of the file"},
		{"raw, cut off", "", "PMRX\x00\x00\x00\x01\x00", exitFailed, "sent 0\ncame to message 0 of the file\n", "cut off"},
		{"raw of another version", "", "PMRX\x00\x00\x00\x09", exitFailed, "sent 0\ncame to message 0 of the file\n", "version 9"},
		{"refused for good", "", line(0, `,"flag":1`) + strings.Replace(line(1, ""), `{"n"`, `{"TIMER_DELAY_SEC":"soon","n"`, 1) + line(2, ""), exitPartly, "sent 2, failed 1\ncame to message 3 of the file\n", "MESSAGE_ILLEGAL"},
		{"nothing", "", "", exitOK, "sent 0\ncame to message 0 of the file\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"log", "import", "--broker", r.addr}, strings.Fields(tt.args)...)
			runIn(t.Context(), "", tt.in, args...).check(t, args, tt.code, tt.out, tt.err)
		})
	}
	if got := len(r.content(t, "Old", 1)); got != 1 {
		t.Errorf("the other topic has %d messages, want 1", got)
	}
	for line, want := range map[string]string{"--skip -1": "--skip", "--to-topic a!b": "--to-topic", "--group a!b": "--group"} {
		args := append([]string{"log", "import", "--broker", r.addr}, strings.Fields(line)...)
		runIn(t.Context(), "", "", args...).check(t, args, exitUsage, "", want)
	}
	args := []string{"log", "import", "--broker", "127.0.0.1:1"}
	runIn(t.Context(), "", line(0, "")+line(1, ""), args...).check(t, args, exitUnreachable, "sent 0\ncame to message 0 of the file\n", "message 1 of the file")
}
