package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"pairmq/internal/remoting"
	"pairmq/store/folder"
)

func TestLogVerifyAlone(t *testing.T) {
	dir := t.TempDir()
	r := startBroker(t, dir, "Orders", "Alarms")
	args := []string{"log", "verify", "--broker", r.addr, "--alone"}
	runIn(t.Context(), "", "", args...).check(t, args, exitOK, "verified 0 B, from 0 to 0: messages 0, index compared, nothing is wrong\n", "")
	r.put(t, 200, "Orders", "Alarms")
	_, end := r.store.Bounds()
	want := fmt.Sprintf("verified %s, from 0 to %d: messages 200, index compared, nothing is wrong\n", size(end), end)
	runIn(t.Context(), "", "", args...).check(t, args, exitOK, want, "")
	off, n := damageRecord(t, dir, 7)
	o := runIn(t.Context(), "", "", args...)
	if o.code != exitFailed || !strings.Contains(o.out, "BAD_RECORD") || !strings.Contains(o.out, "messages 199, ") || strings.Contains(o.out, "INDEX") {
		t.Errorf("exits with %d and writes\n%s%s", o.code, o.out, o.err)
	}
	o = runIn(t.Context(), "", "", append(args, "--json")...)
	var c folderCheck
	if err := json.Unmarshal([]byte(o.out), &c); err != nil || len(c.Findings) == 0 || c.Findings[0].PhyOffset != int64(off) || c.Findings[0].Length != int64(n) || c.End != end {
		t.Errorf("--json writes %s: %+v, %v", o.out, c, err)
	}
}

func TestLogVerifyAloneRefuses(t *testing.T) {
	apache := startFake(t)
	for _, tt := range []struct {
		args string
		code int
		err  string
	}{
		{"--alone", exitUsage, "--broker is missing"},
		{"--alone --broker " + apache.addr + " --peer b:1", exitUsage, "none of the others can be"},
		{"--alone --broker " + apache.addr + " --dry-run", exitUsage, "repairs nothing"},
		{"--alone --broker " + apache.addr, exitFailed, "does not verify its log: it is a broker of Apache"},
		{"--alone --broker 127.0.0.1:1", exitUnreachable, "127.0.0.1:1"},
	} {
		args := append([]string{"log", "verify"}, strings.Fields(tt.args)...)
		runIn(t.Context(), "", "", args...).check(t, args, tt.code, "", tt.err)
	}
}

// A broker that answers nonsense holds nobody up.
func TestLogVerifyAloneEnds(t *testing.T) {
	var n atomic.Int64
	for answer, want := range map[string]string{
		`{"start":0,"next":100,"end":1000}`: "verifies nothing behind 100",
		`{"next":`:                          "what it found",
	} {
		addr := serveAnswers(t, func(r *remoting.Request) { n.Add(1); r.Reply(&remoting.Response{Body: []byte(answer)}) })
		o := runIn(context.Background(), "", "", "log", "verify", "--alone", "--broker", addr)
		if o.code != exitFailed || !strings.Contains(o.err, want) {
			t.Errorf("%s: exits with %d and writes %s%s", answer, o.code, o.out, o.err)
		}
	}
	if n.Load() != 3 {
		t.Errorf("it was asked %d times, want 3", n.Load())
	}
}

// checkPieces is what the daemon does with request 31008, with small pieces.
func (r *realBroker) checkPieces(ctx context.Context, start int64) (folder.Checked, error) {
	from, end := r.store.Bounds()
	return folder.Check(ctx, folder.Source{Start: max(start, from), End: end, SegmentSize: testSegment, ChecksumsSince: r.store.ChecksumsSince(), Read: r.store.ReadStored}, r.store.Indexed(), start+10_000)
}
