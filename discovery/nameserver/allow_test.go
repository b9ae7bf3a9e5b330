package nameserver

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// from connects to s from an address, over pipes.
func from(t *testing.T, s *Server, addr string) *remoting.Conn {
	t.Helper()
	here, far := net.Pipe()
	ln := &oneConn{conns: make(chan net.Conn, 1), gone: make(chan struct{})}
	ln.conns <- placed{far, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 4711))}
	srv := remoting.NewServer(remoting.ServerOptions{Handler: s, OnClose: s.Closed})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = srv.Serve(ctx, ln) })
	client := remoting.NewClient(remoting.ClientOptions{Dial: func(context.Context, string, string) (net.Conn, error) { return here, nil }})
	t.Cleanup(func() { _ = client.Close(); cancel(); _ = srv.Shutdown(ctx); running.Wait() })
	conn, err := client.Conn(t.Context(), "n:1")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// request is the broker's registration.
func (b *testBroker) request(t *testing.T) *remoting.Command {
	t.Helper()
	body := discovery.RegisterBody{Topics: b.topics, Version: b.version}
	enc, err := body.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return &remoting.Command{Code: remoting.ReqRegisterBroker, Fields: b.fields(), Body: enc}
}

type oneConn struct {
	conns chan net.Conn
	once  sync.Once
	gone  chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.gone:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error   { l.once.Do(func() { close(l.gone) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// placed is a pipe that comes from somewhere.
type placed struct {
	net.Conn
	from net.Addr
}

func (p placed) RemoteAddr() net.Addr { return p.from }
func (p placed) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 9876} }

// TestOnlyAllowedBrokersRegister: nor does anybody else take their place, or have them unregistered. Clients are
// answered as ever.
func TestOnlyAllowedBrokersRegister(t *testing.T) {
	var lines bytes.Buffer
	s := newServer(t, Options{Log: slog.New(slog.NewTextHandler(&lines, nil)), Allowed: func(name string, local, remote netip.Addr) bool {
		if local != netip.MustParseAddr("10.0.0.1") {
			t.Errorf("over a connection to %v", local)
		}
		return name == "gw-a" && remote == netip.MustParseAddr("10.0.0.2")
	}})
	good, bad := from(t, s, "10.0.0.2"), from(t, s, "10.0.0.66")
	ask := func(conn *remoting.Conn, name, addr string, code int32) int32 {
		t.Helper()
		b := newBroker(s, name, addr)
		req := b.request(t)
		req.Code = code
		if code == remoting.ReqQueryDataVersion {
			req.Body = []byte(`{"counter":1,"timestamp":1}`)
		}
		if code == remoting.ReqRegisterTopicInNamesrv {
			req.Fields.Add("topic", "More")
			req.Body = []byte(`{"queueDatas":[{"brokerName":"` + name + `","perm":6,"readQueueNums":8,"writeQueueNums":8}]}`)
		}
		resp, err := conn.Call(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Code
	}
	if got := ask(good, "gw-a", "10.0.0.2:10911", remoting.ReqRegisterBroker); got != remoting.RespSuccess {
		t.Fatalf("the allowed broker is answered %d", got)
	}
	for _, code := range []int32{remoting.ReqRegisterBroker, remoting.ReqQueryDataVersion, remoting.ReqBrokerHeartbeat, remoting.ReqRegisterTopicInNamesrv, remoting.ReqUnregisterBroker} {
		for _, tt := range []struct {
			conn       *remoting.Conn
			name, addr string
		}{{bad, "gw-a", "10.0.0.66:10911"}, {bad, "gw-a", "10.0.0.2:10911"}, {bad, "gw-b", "10.0.0.66:10911"}, {good, "gw-b", "10.0.0.2:10911"}} {
			if got := ask(tt.conn, tt.name, tt.addr, code); got != remoting.RespNoPermission {
				t.Errorf("%s as %s at %s: %d, want %d", remoting.RequestName(code), tt.name, tt.addr, got, remoting.RespNoPermission)
			}
		}
		if got := ask(good, "gw-a", "10.0.0.2:10911", code); got != remoting.RespSuccess {
			t.Errorf("%s of the allowed broker: %d", remoting.RequestName(code), got)
		}
		_ = ask(good, "gw-a", "10.0.0.2:10911", remoting.ReqRegisterBroker)
	}
	resp, err := bad.Call(t.Context(), &remoting.Command{Code: remoting.ReqGetRouteinfoByTopic, Fields: remoting.Fields{{Key: "topic", Value: "T"}}})
	if err != nil || resp.Code != remoting.RespSuccess || !bytes.Contains(resp.Body, []byte("10.0.0.2:10911")) || bytes.Contains(resp.Body, []byte("10.0.0.66")) {
		t.Errorf("a client has the route %s, %v", resp.Body, err)
	}
	if n := strings.Count(lines.String(), "was refused"); n != 1 {
		t.Errorf("%d lines tell of 20 refusals:\n%s", n, lines.String())
	}
}

// TestAPlaceTakenFromTheLiving: as with RocketMQ the later one has it where nothing is configured, and the log
// says who was there.
func TestAPlaceTakenFromTheLiving(t *testing.T) {
	var lines bytes.Buffer
	s := newServer(t, Options{Log: slog.New(slog.NewTextHandler(&lines, nil))})
	a, b := newBroker(s, "gw-a", "10.0.0.2:10911"), newBroker(s, "gw-a", "10.0.0.66:10911")
	for _, one := range []*testBroker{a, b} {
		one.mustRegister(t)
	}
	if text := lines.String(); !strings.Contains(text, "lives") || !strings.Contains(text, "namesrvAllowedBrokers") || !strings.Contains(text, "was=10.0.0.2:10911") || !strings.Contains(text, "level=WARN") {
		t.Errorf("logged\n%s", text)
	}
}
