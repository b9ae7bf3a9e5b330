package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/hal/disk"
)

func TestLogVerifyFolder(t *testing.T) {
	dir := deadStore(t, 200)
	args := []string{"log", "verify", dir}
	o := runIn(t.Context(), "", "", args...)
	if o.code != exitOK || o.err != "" || !strings.HasPrefix(o.out, "verified ") || !strings.HasSuffix(o.out, ": messages 200 in 4 queues, index compared, nothing is wrong\n") {
		t.Errorf("exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
	o = runIn(t.Context(), "", "", append(args, "--queues")...)
	if lines := strings.Split(o.out, "\n"); len(lines) != 7 || strings.Join(strings.Fields(lines[1])[:5], " ") != "Alarms 0 0 50 50" {
		t.Errorf("--queues writes\n%s", o.out)
	}
	if err := os.Remove(filepath.Join(dir, "meta.db")); err != nil {
		t.Fatal(err)
	}
	if o = runIn(t.Context(), "", "", args...); o.code != exitOK || !strings.Contains(o.out, "index missing, nothing is wrong") {
		t.Errorf("without meta.db it exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
	off, size := damageRecord(t, dir, 5)
	o = runIn(t.Context(), "", "", args...)
	var got []string
	for line := range strings.SplitSeq(o.out, "\n") {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := fmt.Sprintf("BAD_RECORD %d %d commitlog/00000000000000000000 checksum does not match: body of the record at %d", off, size, off)
	if o.code != exitFailed || len(got) != 5 || got[0] != "KIND OFFSET LENGTH FILE REASON" || !strings.HasPrefix(got[1], want) ||
		!strings.HasPrefix(got[2], "QUEUE_OFFSET_GAP") || !strings.HasSuffix(got[3], "messages 199 in 4 queues, index missing, findings 2") || !strings.Contains(o.err, "something is wrong") {
		t.Errorf("of a damaged log it exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
	o = runIn(t.Context(), "", "", append(args, "--json")...)
	var c struct {
		Findings []struct {
			Kind      string
			PhyOffset int
		}
		Records, Start, End int
		Index               string
		Queues              []any
	}
	if err := json.Unmarshal([]byte(o.out), &c); err != nil || o.code != exitFailed || len(c.Findings) != 2 || c.Findings[0].PhyOffset != off || c.Records != 199 || len(c.Queues) != 4 || c.Index != "missing" {
		t.Errorf("--json exits with %d and writes\n%s%+v, %v", o.code, o.out, c, err)
	}
}

func TestLogVerifyFolderRefuses(t *testing.T) {
	dir := deadStore(t, 2)
	empty := t.TempDir()
	for _, tt := range []struct {
		args string
		code int
		err  string
	}{
		{empty, exitUsage, "no store"},
		{filepath.Join(empty, "nowhere"), exitNotFound, "nowhere"},
		{dir + " --alone", exitUsage, "without a broker"},
		{dir + " --dry-run", exitUsage, "without a broker"},
		{dir + " --segment-size -1", exitUsage, "--segment-size"},
		{"--broker 127.0.0.1:1 --queues", exitUsage, "are for DIR"},
	} {
		args := append([]string{"log", "verify"}, strings.Fields(tt.args)...)
		runIn(t.Context(), "", "", args...).check(t, args, tt.code, "", tt.err)
	}
	fsys, err := disk.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := fsys.Lock("LOCK")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	args := []string{"log", "verify", dir}
	runIn(t.Context(), "", "", args...).check(t, args, exitFailed, "", "--alone")
	if o := runIn(t.Context(), "", "", "log", "dump", dir); o.code != exitOK || !strings.Contains(o.err, "a daemon runs") || strings.Count(o.out, "\n") != 2 {
		t.Errorf("dump exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
}

func TestLogDump(t *testing.T) {
	dir := deadStore(t, 8)
	off, size := damageRecord(t, dir, 2)
	dump := func(args ...string) []string {
		t.Helper()
		o := runIn(t.Context(), "", "", append([]string{"log", "dump", dir}, args...)...)
		if o.code != exitOK || o.err != "" {
			t.Errorf("%q exits with %d and writes\n%s", args, o.code, o.err)
		}
		return strings.Split(strings.TrimSuffix(o.out, "\n"), "\n")
	}
	all := dump()
	if len(all) != 8 || !strings.HasPrefix(all[0], "0  Orders/0  offset 0  ") || !strings.Contains(all[0], "tag t  keys k0") ||
		!strings.HasPrefix(all[2], fmt.Sprintf("%d  BAD_RECORD  %d bytes  commitlog/00000000000000000000: checksum", off, size)) || !strings.HasPrefix(all[3], fmt.Sprintf("%d  Alarms/1", off+size)) {
		t.Errorf("dump writes\n%s", strings.Join(all, "\n"))
	}
	for _, tt := range []struct {
		args string
		want int // lines
	}{
		{"--topic Alarms", 5}, {"--topic Alarms --queue 1", 3}, {"--queue-from 1", 5}, {"--queue-to 1", 4}, {"--limit 1", 1}, {"--since 2100-01-01T00:00:00Z", 1},
		{"--until 1000", 1}, {fmt.Sprintf("--from %d", off+size), 5}, {fmt.Sprintf("--from 1 --to %d", off), 1}, {"--topic None", 1},
	} {
		if got := dump(strings.Fields(tt.args)...); len(got) != tt.want {
			t.Errorf("%s writes %d lines, want %d:\n%s", tt.args, len(got), tt.want, strings.Join(got, "\n"))
		}
	}
	if got := dump("--body", "text", "--limit", "2"); !strings.HasSuffix(got[1], ` body 1'\ufffd'`+strings.Repeat("0", 37)) || !strings.HasSuffix(got[0], "cannot be decompressed: zlib: invalid header)") {
		t.Errorf("bodies as text: %q", got)
	}
	if got := dump("--body", "base64", "--limit", "1"); !strings.HasSuffix(got[0], " Ym9keSAw/zA=") {
		t.Errorf("bodies as base64: %q", got)
	}
	if got := dump("--json"); !strings.HasPrefix(got[0], `{"topic":"Orders","queueId":0,`) || strings.Contains(got[0], `"body"`) || !strings.HasPrefix(got[2], `{"kind":"BAD_RECORD",`) {
		t.Errorf("as JSON: %q", got)
	}
	for args, want := range map[string]string{"--body x": "--body", "--since never": "--since", "--from -1": "below 0", "--topic a!b": "--topic"} {
		line := append([]string{"log", "dump", dir}, strings.Fields(args)...)
		runIn(t.Context(), "", "", line...).check(t, line, exitUsage, "", want)
	}
}
