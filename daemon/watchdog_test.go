package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/daemon/config"
	"pairmq/daemon/metrics"
)

// A fakePart works, or fails, or does not answer.
type fakePart struct {
	err   error
	hangs bool
}

func (p *fakePart) name() string              { return "fake" }
func (p *fakePart) run(context.Context) error { return nil }
func (p *fakePart) serves() <-chan struct{}   { return nil }
func (p *fakePart) serving() bool             { return p.err == nil && !p.hangs }
func (p *fakePart) measure(*metrics.Page)     {}
func (p *fakePart) close() error              { return nil }
func (p *fakePart) works(ctx context.Context) error {
	if p.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return p.err
}

// TestTheWatchdogIsFedWhileAllPartsWork: three times in a period, and not once while
// one of them fails or hangs.
func TestTheWatchdogIsFedWhileAllPartsWork(t *testing.T) {
	for _, test := range []struct {
		name  string
		part  fakePart
		feeds int
		says  string
	}{
		{"works", fakePart{}, 10, ""},
		{"fails", fakePart{err: errors.New("nobody listens")}, 0, "nobody listens"},
		{"hangs", fakePart{hangs: true}, 0, "deadline exceeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				feeds, others := 0, 0
				w := &watchdog{
					period: 30 * time.Second, parts: []part{&fakePart{}, &test.part}, log: slog.New(slog.NewTextHandler(&log, nil)),
					feed: []func(){func() { feeds++ }, func() { others++ }},
				}
				ctx, cancel := context.WithTimeout(t.Context(), 95*time.Second)
				defer cancel()
				if err := w.run(ctx); err != nil {
					t.Fatal(err)
				}
				if feeds != test.feeds || others != test.feeds {
					t.Errorf("fed %d and %d times in 95 s, want %d", feeds, others, test.feeds)
				}
				if !strings.Contains(log.String(), test.says) || (test.says == "") != (log.Len() == 0) {
					t.Errorf("the log says %q, want %q in it", &log, test.says)
				}
			})
		})
	}
}

// asSystemd listens as systemd does to what it is told in this test, and returns what
// waits for the next message that begins with want.
func asSystemd(t *testing.T) (hear func(want string) string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func(want string) string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for b := make([]byte, 512); ; {
			n, err := conn.Read(b)
			if err != nil {
				t.Fatalf("%s was not heard: %v", want, err)
			}
			if strings.HasPrefix(string(b[:n]), want) {
				return string(b[:n])
			}
		}
	}
}

// TestSystemdHearsOfADaemonThatWorks runs one as systemd does.
func TestSystemdHearsOfADaemonThatWorks(t *testing.T) {
	hear := asSystemd(t)
	t.Setenv("WATCHDOG_USEC", "1500000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	d := newDaemon(t)
	d.start()
	hear("STATUS=ASYNC_MASTER of under-test")
	hear("READY=1")
	for range 3 {
		hear("WATCHDOG=1")
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	hear("STOPPING=1")
}

// TestSystemdHearsOfAReload, also of one that changes nothing.
func TestSystemdHearsOfAReload(t *testing.T) {
	hear := asSystemd(t)
	file := filepath.Join(t.TempDir(), "pairmqd.conf")
	ctx, cancel := context.WithCancel(t.Context())
	hup, ended := make(chan os.Signal), make(chan struct{})
	go func() {
		defer close(ended)
		var level slog.LevelVar
		reload(ctx, hup, flags{file: file}, &config.Config{}, &level, make(chan config.Config), slog.New(slog.DiscardHandler))
	}()
	for _, text := range []string{"brokerName=again\n", "no such key\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		hup <- syscall.SIGHUP
		said := hear("RELOADING=1")
		if since, ok := strings.CutPrefix(said, "RELOADING=1\nMONOTONIC_USEC="); !ok || strings.Trim(since, "0123456789") != "" || since == "" {
			t.Errorf("systemd is told %q", said)
		}
		hear("READY=1")
	}
	cancel()
	<-ended
}

// TestNobodyListensIsNoAnswer, and neither is silence; to be hung up on is one.
func TestNobodyListensIsNoAnswer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr()
	ask := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return answers(ctx, addr, 28, nil)
	}
	if err := ask(100 * time.Millisecond); err == nil {
		t.Error("who accepts and says nothing has answered")
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	if err := ask(10 * time.Second); err != nil {
		t.Errorf("who hangs up has not answered: %v", err)
	}
	ln.Close()
	if err := ask(10 * time.Second); err == nil {
		t.Error("nobody listens and has answered")
	}
}
