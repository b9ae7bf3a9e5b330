package main

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pairmq/internal/remoting"
)

// socket has f answer at a unix socket too.
func (f *fake) socket(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(f.serve)})
	go s.Serve(t.Context(), ln)
	t.Cleanup(func() { s.Shutdown(context.Background()) })
	return path
}

// TestWhenTheSocketIsAsked: when nobody says whom to ask, and one that answers is there.
func TestWhenTheSocketIsAsked(t *testing.T) {
	f := startFake(t)
	path := f.socket(t)
	stale := filepath.Join(t.TempDir(), "stale")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		when    string
		e       env
		environ map[string]string
		asked   string
	}{
		{"nothing is said", env{sockets: []string{filepath.Join(t.TempDir(), "none"), stale, path}}, nil, path},
		{"there is none", env{sockets: []string{filepath.Join(t.TempDir(), "none")}}, nil, ""},
		{"its daemon was killed", env{sockets: []string{stale}}, nil, ""},
		{"a name server is named", env{sockets: []string{path}, namesrv: "192.0.2.1:9876"}, nil, ""},
		{"a broker is named", env{sockets: []string{path}, broker: "192.0.2.1:10911"}, nil, ""},
		{"the environment names one", env{sockets: []string{path}}, map[string]string{"PAIRMQ_NAMESRV": "192.0.2.1:9876"}, ""},
		{"TLS is meant", env{sockets: []string{path}}, map[string]string{"PAIRMQ_TLS_CA": "/ca.crt"}, ""},
		{"it is named", env{socket: path}, map[string]string{"PAIRMQ_NAMESRV": "192.0.2.1:9876"}, path},
	} {
		tt.e.timeout, tt.e.getenv = 5*time.Second, func(key string) string { return tt.environ[key] }
		n, err := tt.e.nearby()
		if err != nil {
			t.Errorf("%s: %v", tt.when, err)
			continue
		}
		asked := ""
		if n != nil {
			asked = n.path
		}
		if asked != tt.asked {
			t.Errorf("%s: %q is asked, want %q", tt.when, asked, tt.asked)
		}
	}
	e := env{socket: stale, timeout: time.Second, getenv: func(string) string { return "" }}
	if _, err := e.nearby(); err == nil || !strings.Contains(err.Error(), stale) {
		t.Errorf("a socket that is named and answers not: %v", err)
	}
}

// TestTheSocketStandsForTheAddresses of name server and broker, and for no other.
func TestTheSocketStandsForTheAddresses(t *testing.T) {
	f := startFake(t)
	e := env{socket: f.socket(t), timeout: 5 * time.Second, getenv: func(string) string { return "" }}
	n, err := e.nearby()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(n.own, " "); n.namesrv != "127.0.0.1:9876" || n.broker != "127.0.0.1:10911" || got != n.path+" 127.0.0.1:10911 127.0.0.1:9876" {
		t.Errorf("it stands for %s, %s and %s", n.namesrv, n.broker, got)
	}
	run := func(code int, want string, args ...string) {
		t.Helper()
		var out, err bytes.Buffer
		c := &env{in: strings.NewReader(""), out: &out, err: &err, getenv: e.getenv, sockets: []string{n.path}}
		if got := execute(t.Context(), c, args); got != code || !strings.Contains(out.String()+err.String(), want) {
			t.Errorf("pairmq %s exits with %d and writes\n%s%s\nwant %d and %q", strings.Join(args, " "), got, out.String(), err.String(), code, want)
		}
	}
	run(exitOK, "127.0.0.1:9876", "status") // nobody listens there, nor where the next says
	f.refuse[remoting.ReqGetBrokerClusterInfo] = remoting.RespRequestCodeNotSupported
	run(exitOK, "127.0.0.1:10911", "status")
	f.refuse[remoting.ReqGetBrokerConfig] = remoting.RespNoPermission
	run(exitFailed, "NO_PERMISSION", "status", "--socket", n.path)
}
