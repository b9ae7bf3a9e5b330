package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/logscan"
	"pairmq/tools/interop/wire"
)

// TestCrashCut loses the end of the log of a stopped broker, from any byte on:
// acknowledged messages are gone. That must not go unnoticed, and what lies
// before the cut is served.
func TestCrashCut(t *testing.T) {
	for _, how := range []string{"zeros", "truncated"} {
		for i := range max(3, int(number(t, roundsEnv, 20))/5) {
			t.Run(fmt.Sprintf("%s-%d", how, i), func(t *testing.T) { cut(t, how == "truncated") })
		}
	}
}

func cut(t *testing.T, truncate bool) {
	c := newCrash(t)
	c.run(t, 300*time.Millisecond, func() {
		if err := c.target.Stop(); err != nil {
			t.Error(err)
		}
	})
	log, err := logscan.Read(logDir(c.target))
	if err != nil || len(log.Records) == 0 {
		t.Fatalf("%d records, %v", len(log.Records), err)
	}
	first := log.Records[0].PhyOffset
	at := first + 1 + c.rand.Int64N(log.End-first-1)
	damaged := at // the first record that is not whole
	for _, r := range log.Records {
		if r.PhyOffset <= at && at < r.PhyOffset+int64(r.Size) {
			damaged = r.PhyOffset
		}
	}
	t.Logf("cut at %d, in the record at %d; the log ended at %d", at, damaged, log.End)
	if err := log.Cut(at, truncate); err != nil {
		t.Fatal(err)
	}
	logged := len(c.target.Process().Log())
	err = c.target.Launch(within(t, 30*time.Second))
	said := errorLines(c.target.Process().Log()[logged:])
	if !strings.Contains(said, fmt.Sprint(damaged)) && !strings.Contains(said, fmt.Sprint(at)) {
		t.Errorf("no error in the daemon's log names offset %d or %d:\n%s", damaged, at, said)
	}
	if err == nil {
		c.checkReadOnly(t, log, damaged)
	}
}

// checkReadOnly checks that all messages before an offset are served, and that
// none is taken.
func (c *crash) checkReadOnly(t *testing.T, log logscan.Log, end int64) {
	t.Helper()
	ctx, conn := within(t, time.Minute), dial(t, c.target)
	kept := 0
	for _, r := range log.Records {
		if r.Topic != c.topic || r.PhyOffset >= end {
			continue
		}
		p, err := conn.Pull(ctx, "interop-wire", c.topic, r.QueueID, r.QueueOffset, 0)
		if err != nil || len(p.Records) == 0 || p.Records[0].PhyOffset != r.PhyOffset || string(p.Records[0].Body) != string(r.Body) {
			t.Errorf("queue %d, offset %d is not served as it was: answer %d %s, %d records, %v", r.QueueID, r.QueueOffset, p.Code, p.Remark, len(p.Records), err)
			break
		}
		kept++
	}
	if r, err := conn.Send(ctx, wire.Message{Topic: c.topic, Body: []byte("too late")}); err == nil {
		t.Errorf("a damaged store takes messages: %+v", r)
	}
	t.Logf("%d messages in front of the damage are served", kept)
}

// errorLines are the lines of a daemon's log of level error and above.
func errorLines(log string) string {
	var lines []string
	for l := range strings.Lines(log) {
		if strings.HasPrefix(l, "<3>") || strings.Contains(l, "level=ERROR") {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "")
}
