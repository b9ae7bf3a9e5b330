package replica

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sends is what a master sends on one connection: the header of a transfer, and its body.
type sends struct {
	at   int64
	body []byte
}

// scripted is a slave whose master sends one script on each connection that the slave makes, waits until all of it was
// read and then hangs up; on the last connection it stays. It returns the log, the slave's status and what the slave logged.
func scripted(t *testing.T, l *memLog, scripts ...[]sends) (st MasterStatus, lines string) {
	t.Helper()
	var buf bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		ln := newPipeListener()
		ctx, cancel := context.WithCancel(t.Context())
		s := NewSlave(SlaveOptions{Log: l, Master: func() string { return "x" }, Notes: slog.New(slog.NewTextHandler(&buf, nil)),
			Dial: func(context.Context, string) (net.Conn, error) { return ln.dial("10.0.0.1") }})
		var running sync.WaitGroup
		running.Go(func() { _ = s.Run(ctx) })
		for i, script := range scripts {
			nc, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			running.Go(func() { _, _ = io.Copy(io.Discard, nc) })
			for _, x := range script {
				_, _ = nc.Write(append(appendHeader(nil, header{x.at, len(x.body)}), x.body...)) // the slave may hang up
			}
			synctest.Wait()
			if i == len(scripts)-1 {
				time.Sleep(time.Second)
				st = s.Status()
			}
			_ = nc.Close()
		}
		cancel()
		_ = ln.Close()
		running.Wait()
	})
	return st, buf.String()
}

// TestALogBeginsWithARecord: where an empty log begins says the first whole record, and nothing that came before it: the
// next master may send something else.
func TestALogBeginsWithARecord(t *testing.T) {
	good := logOf(3, 1).bytes()
	noise := bytes.Repeat([]byte{0x55}, 64)
	const far = 1 << 40
	lies := map[string][]sends{
		"noise far beyond":            {{far, noise}},
		"noise":                       {{0, noise}},
		"a heartbeat far beyond":      {{far, nil}},
		"half a record far beyond":    {{far, good[:20]}},
		"half a record":               {{0, good[:20]}},
		"half a record, then noise":   {{far, good[:20]}, {far + 20, nil}, {0, noise}},
		"a place that is no segment":  {{7, good}},
		"the largest offset":          {{1<<63 - testSegment, good}},
		"bytes elsewhere behind half": {{0, good[:20]}, {far, good}},
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			l := &memLog{}
			st, lines := scripted(t, l, lie)
			if l.Start() != 0 || l.End() != 0 || st.End != 0 {
				t.Errorf("the log has %d to %d and the master's is said to end at %d, want nothing", l.Start(), l.End(), st.End)
			}
			if strings.Contains(lines, "the copy begins") {
				t.Errorf("it says that it begins:\n%s", lines)
			}
			for _, at := range []int64{0, 2 * testSegment} {
				l := &memLog{}
				st, _ := scripted(t, l, lie, []sends{{at, good}})
				if l.Start() != at || !bytes.Equal(l.bytes(), good) || !st.Connected || st.End != l.End() {
					t.Errorf("then a master begins at %d: the log has %d to %d; %+v", at, l.Start(), l.End(), st)
				}
			}
		})
	}
}

// TestWhatMastersBeginWith: Apache's send heartbeats before they know where a slave is, and begin at the segment that
// holds their end, which may have nothing yet.
func TestWhatMastersBeginWith(t *testing.T) {
	good := logOf(4, 1).bytes()
	const begin = 3 * testSegment
	for name, script := range map[string][]sends{
		"at once":                        {{begin, good}},
		"heartbeats without an offset":   {{0, nil}, {0, nil}, {begin, good}},
		"heartbeats where it will begin": {{begin, nil}, {begin, nil}, {begin, good}},
		"in pieces":                      {{begin, good[:1]}, {begin + 1, good[1:31]}, {begin + 31, nil}, {begin + 31, good[31:70]}, {begin + 70, good[70:]}},
		"whole records":                  {{begin, good[:32]}, {begin + 32, good[32:]}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &memLog{}
			st, lines := scripted(t, l, script)
			if l.Start() != begin || !bytes.Equal(l.bytes(), good) || !st.Connected || st.End != l.End() || st.Level.IsZero() {
				t.Errorf("the log has %d to %d; %+v", l.Start(), l.End(), st)
			}
			if n := strings.Count(lines, "the copy begins"); n != 1 {
				t.Errorf("it says %d times that it begins:\n%s", n, lines)
			}
		})
	}
}
