package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// A fakeLog is a broker that shows its log, in which every bad byte is 'x'.
type fakeLog struct {
	addr, name string
	start      int64
	readOnly   bool
	good       byte // what its bytes are, apart from bad ones

	mu    sync.Mutex // guards the rest
	log   []byte     // from start on
	asked []string   // ranges to be compared, and whether to repair
	other *fakeLog   // the peer that request 31007 compares with
	code  int32      // answer to 31005, if not 0
	moves int64      // start moves here with the next 31005 that reads
}

// serveAnswers starts a server that answers everything so.
func serveAnswers(t *testing.T, serve func(*remoting.Request)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(serve)})
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), ln) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-done); err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

func startLog(t *testing.T, name string, start int64, size int, bad ...int) *fakeLog {
	t.Helper()
	f := &fakeLog{name: name, start: start, good: '.', log: bytes.Repeat([]byte{'.'}, size)}
	for _, i := range bad {
		f.log[i] = 'x'
	}
	f.mu.Lock()
	defer f.mu.Unlock() // nobody is served before it knows its address
	f.addr = serveAnswers(t, f.serve)
	return f
}

func (f *fakeLog) serve(r *remoting.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	start, _ := r.Fields.Int64("start")
	end, _ := r.Fields.Int64("end")
	if f.code != 0 {
		r.ReplyError(f.code, "no")
		return
	}
	if f.moves > 0 && end > start {
		f.log, f.start, f.moves = f.log[f.moves-f.start:], f.moves, 0
	}
	switch {
	case end > start && (start < f.start || end > f.start+int64(len(f.log))):
		r.ReplyError(remoting.RespPullOffsetMoved, "gone")
	case r.Code == remoting.ReqGetLogChecksums:
		resp := &remoting.Response{Fields: remoting.Fields{{Key: "brokerName", Value: f.name}, {Key: "brokerAddr", Value: f.addr}, {Key: "readOnly", Value: strconv.FormatBool(f.readOnly)}}}
		resp.Fields.AddInt("minPhyOffset", f.start)
		resp.Fields.AddInt("endPhyOffset", f.start+int64(len(f.log)))
		piece, _ := r.Fields.Int64("piece")
		for ; start < end; start += piece {
			b := f.log[start-f.start : min(start+piece, end)-f.start]
			resp.Body = binary.BigEndian.AppendUint32(resp.Body, crc32.ChecksumIEEE(b))
		}
		r.Reply(resp)
	case r.Code == remoting.ReqVerifyLog:
		f.asked = append(f.asked, fmt.Sprintf("%s %d %d %s", r.Fields.Get("peer"), start, end, r.Fields.Get("repair")))
		reply(r, f.compare(start, end, r.Fields.Get("repair") == "true"))
	default:
		r.ReplyError(remoting.RespRequestCodeNotSupported, "not of this fake")
	}
}

// compare answers one finding at a time.
func (f *fakeLog) compare(start, end int64, repair bool) map[string]any {
	f.other.mu.Lock()
	defer f.other.mu.Unlock()
	for at := start; at < end; at++ {
		ours, theirs := &f.log[at-f.start], f.other.log[at-f.other.start]
		if *ours == theirs {
			continue
		}
		found := logFinding{Kind: "BAD_HERE", From: at, To: at + 1, Here: "it is x"}
		answer := map[string]any{"end": at + 1}
		switch {
		case *ours == 'x' && repair:
			found.Kind, found.Copy, *ours = "REPAIRED", "quarantine/commitlog-1", theirs
		case *ours == 'x':
		case theirs == 'x':
			found = logFinding{Kind: "BAD_THERE", From: at, To: at + 1, There: "it is x"}
		default:
			found = logFinding{Kind: "DIVERGED", From: at, To: end}
			answer["end"], answer["parted"] = at, true
		}
		answer["findings"] = []logFinding{found}
		return answer
	}
	return map[string]any{"end": end, "findings": []logFinding{}}
}

// mebi is one MiB and one byte: so much of a log is not a number of pieces.
const mebi = 1<<20 + 1

func TestLogVerify(t *testing.T) {
	tests := []struct {
		name       string
		here       []int // bad bytes
		there      []int
		other      int // from here on the peer's bytes are others; 0: nowhere
		readOnly   bool
		shorter    int // bytes that the peer has less
		dry        bool
		code       int
		out, error string
	}{
		{name: "the same", code: exitOK, out: "compared 20.0 MiB, from 0 to 20971540: the logs are the same\n"},
		{name: "read-only and the same", readOnly: true, code: exitOK, out: "the logs are the same; HERE is read-only until it opens its log again, within half a minute\n"},
		{name: "read-only, and the peer is behind", readOnly: true, shorter: 100, here: []int{7}, code: exitOK, out: "compared 20.0 MiB, from 0 to 20971517: the logs are the same, repaired 1; HERE is read-only, and of its log, 0 to 20971540, THERE has not all: start it again if it stays so\n"},
		{name: "bad here", here: []int{5, 9, 7 * mebi}, readOnly: true, code: exitOK, out: `REPAIRED   5 to 6  HERE: it is x  copy quarantine/commitlog-1
REPAIRED   9 to 10  HERE: it is x  copy quarantine/commitlog-1
REPAIRED   7340039 to 7340040  HERE: it is x  copy quarantine/commitlog-1
compared 20.0 MiB, from 0 to 20971540: the logs are the same, repaired 3; HERE is read-only until it opens its log again, within half a minute
`},
		{name: "bad here, dry", here: []int{5}, dry: true, code: exitFailed, out: "BAD_HERE   5 to 6  HERE: it is x\ncompared 20.0 MiB, from 0 to 20971540: differences 1\n", error: "without --dry-run, what is bad at HERE is repaired"},
		{name: "bad there", there: []int{20*mebi - 1}, code: exitFailed, out: "BAD_THERE  20971539 to 20971540  THERE: it is x\n", error: "pairmq log verify --broker THERE --peer HERE"},
		{name: "one each", here: []int{3}, there: []int{18 * mebi}, code: exitFailed, out: "differences 1, repaired 1", error: "the logs differ"},
		{name: "parted", other: 2 * mebi, there: []int{19 * mebi}, code: exitFailed, out: "DIVERGED   2097154 to 20971540\ncompared 2.0 MiB, from 0 to 2097154: differences 1\n", error: "people must decide"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := startLog(t, "box", 0, 20*mebi, tt.here...), startLog(t, "box", 0, 20*mebi+77-tt.shorter, tt.there...)
			if tt.other > 0 {
				copy(b.log[tt.other:], bytes.Repeat([]byte{'o'}, len(b.log)-tt.other))
			}
			a.other, a.readOnly = b, tt.readOnly
			args := []string{"log", "verify", "--broker", a.addr, "--peer", b.addr}
			if tt.dry {
				args = append(args, "--dry-run")
			}
			names := strings.NewReplacer(a.addr, "HERE", b.addr, "THERE")
			o := runIn(t.Context(), "127.0.0.1:1", "", args...)
			if o.code != tt.code || !strings.Contains(names.Replace(o.out), tt.out) || !strings.Contains(names.Replace(o.err), tt.error) || (tt.error == "") != (o.err == "") {
				t.Errorf("exits with %d and writes\n%s\n%s\nwant %d, %s, %s", o.code, names.Replace(o.out), names.Replace(o.err), tt.code, tt.out, tt.error)
			}
			for _, asked := range a.asked {
				if f := strings.Fields(asked); f[0] != b.addr || f[3] != strconv.FormatBool(!tt.dry) {
					t.Errorf("asked for %s", asked)
				}
			}
		})
	}
}

func TestLogVerifyJSON(t *testing.T) {
	a, b := startLog(t, "box", 10, 1000, 5), startLog(t, "box", 12, 1000, 500)
	a.other = b
	o := runIn(t.Context(), "127.0.0.1:1", "", "log", "verify", "--json", "--broker", a.addr, "--peer", b.addr)
	var v verification
	if err := json.Unmarshal([]byte(o.out), &v); err != nil || o.code != exitFailed || v.From != 12 || v.To != 1010 || len(v.Findings) != 2 || v.Findings[0].Kind != "REPAIRED" || v.Findings[1].From != 512 {
		t.Errorf("exits with %d and writes %s%s: %+v, %v", o.code, o.out, o.err, v, err)
	}
}

// TestLogVerifyFindsThePeer asks the name servers for it.
func TestLogVerifyFindsThePeer(t *testing.T) {
	f := startFake(t)
	a, b := startLog(t, "pair", 0, 1000, 5), startLog(t, "pair", 0, 1000)
	a.other = b
	f.others["pair"] = discovery.BrokerData{BrokerName: "pair", Cluster: "Lan", BrokerAddrs: map[int64]string{0: a.addr}}
	args := []string{"log", "verify", "--broker", a.addr}
	f.run(t, "", args...).check(t, args, exitUsage, "", "the name servers know 0 other brokers of pair")
	f.mu.Lock()
	f.others["pair"].BrokerAddrs[1] = b.addr
	f.mu.Unlock()
	if o := f.run(t, "", args...); o.code != exitOK || !strings.Contains(o.out, "repaired 1") {
		t.Errorf("exits with %d and writes %s%s", o.code, o.out, o.err)
	}
}

func TestLogVerifyRefuses(t *testing.T) {
	a, b := startLog(t, "box", 0, 1000), startLog(t, "box", 0, 1000)
	other, later, apache := startLog(t, "other", 0, 1000), startLog(t, "box", 5000, 10), startFake(t)
	tests := []struct {
		args string
		code int
		err  string
	}{
		{"", exitUsage, "--broker is missing"},
		{"--broker " + a.addr + " --peer x", exitUsage, "--peer"},
		{"--broker " + a.addr + " --peer " + other.addr, exitFailed, "they are no pair"},
		{"--broker " + a.addr + " --peer " + later.addr, exitFailed, "there is nothing to compare"},
		{"--broker " + apache.addr + " --peer " + a.addr, exitFailed, apache.addr + " shows nobody its log: it is a broker of Apache"},
		{"--broker " + a.addr + " --peer " + apache.addr, exitFailed, apache.addr + " shows nobody its log: it is a broker of Apache"},
		{"--broker " + a.addr + " --peer 127.0.0.1:1", exitUnreachable, "127.0.0.1:1"},
		{"--broker " + a.addr, exitUnreachable, "who is the other broker of box?"},
	}
	for _, tt := range tests {
		args := append([]string{"log", "verify"}, strings.Fields(tt.args)...)
		runIn(t.Context(), "127.0.0.1:1", "", args...).check(t, args, tt.code, "", tt.err)
	}
	b.code = remoting.RespSystemBusy
	args := []string{"log", "verify", "--broker", a.addr, "--peer", b.addr}
	runIn(t.Context(), "", "", args...).check(t, args, exitFailed, "", "SYSTEM_BUSY")
}

// TestLogVerifyGoesOnBehindWhatWasRetired: the beginning is given back while the
// logs are compared.
func TestLogVerifyGoesOnBehindWhatWasRetired(t *testing.T) {
	a, b := startLog(t, "box", 0, 20*mebi), startLog(t, "box", 0, 20*mebi, 19*mebi)
	a.other, b.moves = b, 3*mebi
	o := runIn(t.Context(), "", "", "log", "verify", "--broker", a.addr, "--peer", b.addr)
	if o.code != exitFailed || !strings.HasPrefix(o.out, "BAD_THERE") || strings.Count(o.out, "\n") != 2 {
		t.Errorf("exits with %d and writes %s%s", o.code, o.out, o.err)
	}
}
