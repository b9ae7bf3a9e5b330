package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pairmq/daemon/config"
)

// A fakeJournal is a socket that its test reads, or does not.
type fakeJournal struct {
	*net.UnixConn
	t    *testing.T
	path string
}

func newFakeJournal(t *testing.T, path string) *fakeJournal {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &fakeJournal{conn, t, path}
}

// next is the fields of the next line; nil if none is there within the time.
func (f *fakeJournal) next(limit time.Duration) map[string]string {
	f.t.Helper()
	b := make([]byte, 1<<20)
	if err := f.SetReadDeadline(time.Now().Add(limit)); err != nil {
		f.t.Fatal(err)
	}
	n, err := f.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err != nil {
		f.t.Fatal(err)
	}
	fields := map[string]string{}
	for b = b[:n]; len(b) > 0; {
		head, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			f.t.Fatalf("a field that does not end: %q", b)
		}
		name, value, short := strings.Cut(string(head), "=")
		if !short {
			size := binary.LittleEndian.Uint64(rest)
			value, rest = string(rest[8:8+size]), rest[8+size+1:]
		}
		fields[name], b = value, rest
	}
	return fields
}

func TestTheJournalGetsFields(t *testing.T) {
	f := newFakeJournal(t, filepath.Join(t.TempDir(), "socket"))
	log := slog.New(newFieldHandler(newJournal(f.path, os.Stderr), &slog.HandlerOptions{}))
	long := strings.Repeat("x", datagramLimit)
	at := time.Unix(1_700_000_000, 5).UTC()
	tests := []struct {
		name string
		say  func()
		want map[string]string
	}{
		{"nothing but a message", func() { log.Info("registered") }, map[string]string{"PRIORITY": "6", "MESSAGE": "msg=registered"}},
		{"attributes", func() { log.Warn("torn tail", "topic", "Orders", "phyOffset", 7, "brokerIP1", "10.0.0.1") }, map[string]string{
			"PRIORITY": "4", "MESSAGE": `msg="torn tail" topic=Orders phyOffset=7 brokerIP1=10.0.0.1`, "PAIRMQ_TOPIC": "Orders", "PAIRMQ_PHY_OFFSET": "7", "PAIRMQ_BROKER_IP1": "10.0.0.1"}},
		{"those of all lines, and groups", func() {
			log.With("haListenPort", 1).WithGroup("peer").With("at", at).Error("x", slog.Group("log", "end", 2), slog.Group("", "b", true))
		}, map[string]string{
			"PRIORITY": "3", "MESSAGE": "msg=x haListenPort=1 peer.at=2023-11-14T22:13:20.000Z peer.log.end=2 peer.b=true",
			"PAIRMQ_HA_LISTEN_PORT": "1", "PAIRMQ_PEER_AT": "2023-11-14T22:13:20.000000005Z", "PAIRMQ_PEER_LOG_END": "2", "PAIRMQ_PEER_B": "true"}},
		{"an error with lines", func() { log.Error("stopped", "err", errors.New("one\nPRIORITY=0")) }, map[string]string{
			"PRIORITY": "3", "MESSAGE": `msg=stopped err="one\nPRIORITY=0"`, "PAIRMQ_ERR": "one\nPRIORITY=0"}},
		{"more than a datagram takes", func() { log.Info("much", "body", long) }, map[string]string{
			"PRIORITY": "6", "MESSAGE": ("msg=much body=" + long)[:datagramLimit]}},
		{"a key that is no name", func() { log.Info("x", "größe in %", 1, strings.Repeat("k", 99), 2) }, map[string]string{
			"PRIORITY": "6", "MESSAGE": `msg=x "größe in %"=1 ` + strings.Repeat("k", 99) + "=2", "PAIRMQ_GR__E_IN__": "1", "PAIRMQ_" + strings.Repeat("K", 57): "2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.say()
			tt.want["SYSLOG_IDENTIFIER"] = "pairmqd"
			if got := f.next(10 * time.Second); !maps.Equal(got, tt.want) {
				t.Errorf("the journal has %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAJournalThatStandsStillStopsNobody: lines are lost, counted, and time is not.
func TestAJournalThatStandsStillStopsNobody(t *testing.T) {
	f := newFakeJournal(t, filepath.Join(t.TempDir(), "socket"))
	if err := f.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	log := slog.New(newFieldHandler(newJournal(f.path, os.Stderr), &slog.HandlerOptions{}))
	const lines = 1200 // the kernel keeps 10 to 512
	begun := time.Now()
	for i := range lines {
		log.Info("line", "n", i)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("%d lines took %v", lines, took)
	}
	got, lost := 0, 0
	for f.next(200*time.Millisecond) != nil {
		got++
	}
	log.Info("line", "n", lines)
	for line := f.next(10 * time.Second); line != nil; line = f.next(time.Second) {
		if n := line["PAIRMQ_LOST"]; n != "" {
			var err error
			if lost, err = strconv.Atoi(n); err != nil || line["PRIORITY"] != "4" {
				t.Errorf("the journal has %q, %v", line, err)
			}
			break
		}
		got++
	}
	if lost == 0 || got+lost != lines+1 {
		t.Errorf("the journal has %d lines and %d were lost, want %d together", got, lost, lines+1)
	}
}

// TestLinesGoToTheStreamWhileTheJournalIsAway, and to the journal that comes.
func TestLinesGoToTheStreamWhileTheJournalIsAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	var stream bytes.Buffer
	log := slog.New(newFieldHandler(newJournal(path, &stream), &slog.HandlerOptions{}))
	for round := range 2 {
		log.Warn("away", "n", round)
		if want := fmt.Sprintf("<4>msg=away n=%d\n", round); stream.String() != want {
			t.Errorf("the stream has %q, want %q", &stream, want)
		}
		stream.Reset()
		f := newFakeJournal(t, path)
		log.Warn("here", "n", round)
		if got := f.next(10 * time.Second)["MESSAGE"]; got != fmt.Sprintf("msg=here n=%d", round) || stream.Len() > 0 {
			t.Errorf("the journal has %q, the stream %q", got, &stream)
		}
		f.Close()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheJournalIsKnownByItsStream(t *testing.T) {
	info, err := os.Stderr.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	for stream, want := range map[string]bool{"": false, "1:1": false, "x": false, fmt.Sprintf("%d:%d", st.Dev, st.Ino): true} {
		t.Setenv("JOURNAL_STREAM", stream)
		if got := isJournal(os.Stderr); got != want {
			t.Errorf("JOURNAL_STREAM=%q: %v, want %v", stream, got, want)
		}
		if isJournal(&bytes.Buffer{}) {
			t.Error("a buffer is the journal")
		}
		cfg := config.Default()
		log, level := newLogger(os.Stderr, &cfg)
		if _, fields := log.Handler().(fieldHandler); fields != want {
			t.Errorf("JOURNAL_STREAM=%q: fields %v, want %v", stream, fields, want)
		}
		if _, fields := lastLines(os.Stderr, &cfg, level).Handler().(fieldHandler); fields {
			t.Error("the last lines wait for the journal to look whose they are")
		}
	}
}
