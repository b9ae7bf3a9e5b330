package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pairmq/hal/disk"
	"pairmq/internal/remoting"
)

// TestWhoConnectsWhileTheBrokerIsAwayWaits: with a socket that systemd holds, a
// connection that is made between two starts is answered by the second.
func TestWhoConnectsWhileTheBrokerIsAwayWaits(t *testing.T) {
	d := newDaemon(t)
	cfg := d.config()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", cfg.ListenPort))
	if err != nil {
		t.Fatal(err)
	}
	held, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	ln.Close()
	log := slog.New(slog.DiscardHandler)
	serve := func() (stop func()) {
		t.Helper()
		b, err := newBroker(&cfg, platform{open: disk.OS, sockets: sockets{cfg.ListenPort: held}}, log)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- b.run(ctx) }()
		<-b.serves()
		return func() {
			t.Helper()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if err := b.close(); err != nil {
				t.Error(err)
			}
		}
	}
	ask := func() error {
		c := remoting.NewClient(remoting.ClientOptions{})
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := c.Call(ctx, d.broker, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo})
		return err
	}
	stop := serve()
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	stop()
	answered := make(chan error, 1)
	conn, err := net.Dial("tcp", d.broker)
	if err != nil {
		t.Fatalf("while the broker is away: %v", err)
	}
	conn.Close()
	go func() { answered <- ask() }()
	stop = serve()
	if err := <-answered; err != nil {
		t.Errorf("who connected while the broker was away: %v", err)
	}
	stop()
}

// TestPassedSockets runs this test in a process of its own that systemd's protocol
// has given a listener and a file.
func TestPassedSockets(t *testing.T) {
	if os.Getenv("PASSED") != "" {
		s := passedSockets(slog.New(slog.NewTextHandler(os.Stdout, nil)))
		for port := range s {
			fmt.Println("port", port, "unused", s.unused(port), s.unused(1))
		}
		return
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	listener, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run='^TestPassedSockets$' -test.v`, os.Args[0])
	cmd.Env = append(os.Environ(), "PASSED=1", "LISTEN_FDS=2", "LISTEN_FDNAMES=client:other")
	cmd.ExtraFiles = []*os.File{listener, file}
	out, err := cmd.CombinedOutput()
	port := ln.Addr().(*net.TCPAddr).Port
	for _, want := range []string{fmt.Sprintf("port %d unused [] [%d]", port, port), "no socket that listens"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%q is not in what it says, %v\n%s", want, err, out)
		}
	}
}
