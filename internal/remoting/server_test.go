package remoting

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestServeGoesOnAfterAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo)})
		start := time.Now()
		for range 12 {
			r.ln.fail <- syscall.EMFILE
		}
		p := r.dial()
		p.send(Command{Opaque: 1})
		p.expect(1, RespSuccess)
		if got := time.Since(start); got < time.Second || got > 6*time.Second {
			t.Errorf("12 errors took %v, want waits that grow from 5 ms to 1 s", got)
		}
		r.log.expect(t, 1, "level=WARN", "accept failed", "too many open files")
		r.ln.fail <- syscall.ECONNABORTED
		r.dial()
		r.log.expect(t, 2, "level=WARN", "accept failed")
	})
}

func TestServeSaysWhenItsListenerIsClosed(t *testing.T) {
	ln := newPipeListener()
	_ = ln.Close()
	if err := NewServer(ServerOptions{}).Serve(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve of a closed listener: %v, want ErrClosed", err)
	}
}

// Two listeners, one of which ends with its context; connections stay.
func TestServeSeveralListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo)})
		second := newPipeListener()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- r.srv.Serve(ctx, second) }()
		p := &peer{t, second.connect(nil)}
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v, want nil", err)
		}
		<-second.done
		for _, p := range []*peer{p, r.dial()} {
			p.send(Command{Opaque: 1})
			p.expect(1, RespSuccess)
		}
	})
}

func TestShutdownDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan *Request, 2)
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) { held <- req })})
		busy, idle := r.dial(), r.dial()
		busy.send(Command{Opaque: 1})
		busy.send(Command{Opaque: 2})
		first, second := <-held, <-held
		down := make(chan error, 1)
		go func() { down <- r.srv.Shutdown(t.Context()) }()
		idle.expectClosed()
		first.ReplyError(RespSuccess, "")
		busy.expect(1, RespSuccess)
		synctest.Wait()
		select {
		case err := <-down:
			t.Errorf("Shutdown returned %v with a request in flight", err)
		default:
		}
		second.ReplyError(RespSuccess, "")
		busy.expect(2, RespSuccess)
		busy.expectClosed()
		if err := <-down; err != nil {
			t.Errorf("Shutdown: %v, want nil", err)
		}
		if err := r.srv.Serve(t.Context(), newPipeListener()); err != nil {
			t.Errorf("Serve after Shutdown: %v, want nil at once", err)
		}
	})
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := 0
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(*Request) {}), OnClose: func(*Conn) { closed++ }})
		p := r.dial()
		p.send(Command{Opaque: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		err := r.srv.Shutdown(ctx)
		if got := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || got != 5*time.Second {
			t.Errorf("Shutdown: %v after %v, want DeadlineExceeded after 5 s", err, got)
		}
		if closed != 1 {
			t.Errorf("OnClose was called %d times by then, want once", closed)
		}
		p.expectClosed()
	})
}

// Where others wait for the end, whoever has a reply to come gets it, and nobody who does not
// read, or does not hang up, is waited for longer than patience.
func TestShutdownSoonDoesNotWaitForTheDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan *Request, 3)
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) { held <- req })})
		deaf, silent, busy := r.dial(), r.dial(), r.dial()
		for i, p := range []*peer{deaf, silent, busy} {
			p.send(Command{Opaque: int32(i)})
		}
		of := map[int32]*Request{}
		for range 3 {
			req := <-held
			of[req.Opaque] = req
		}
		of[0].Reply(&Response{Body: make([]byte, 1<<20)})
		of[1].ReplyError(RespSuccess, "")
		silent.expect(1, RespSuccess)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start, down := time.Now(), make(chan error, 1)
		go func() { down <- r.srv.ShutdownSoon(ctx, time.Second) }()
		time.Sleep(3 * time.Second) // of a slave, say
		if n := r.srv.Stats().Conns; n != 1 {
			t.Errorf("%d connections are left after 3 s, want the one that waits for its reply", n)
		}
		of[2].ReplyError(RespSuccess, "")
		busy.expect(2, RespSuccess)
		busy.expectClosed()
		if err, took := <-down, time.Since(start); err != nil || took > 4*time.Second {
			t.Errorf("ShutdownSoon: %v after %v, want nil within 4 s", err, took)
		}
		r.log.expect(t, 1, "does not read its last replies")
	})
}

// A reader that waits for memory does not hold a shutdown up for long.
func TestShutdownWhileMemoryIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo), Limits: Limits{BytesInFlight: 1 << 20}})
		r.srv.shared.budget.force(2 << 20)
		defer r.srv.shared.budget.give(2 << 20)
		p, start := r.dial(), time.Now()
		p.send(Command{})
		if err := r.srv.Shutdown(t.Context()); err != nil || time.Since(start) > stallTime {
			t.Errorf("Shutdown: %v after %v, want nil within %v", err, time.Since(start), stallTime)
		}
		p.expectClosed()
	})
}

// Replies that were written before a shutdown arrive, although the client goes
// on sending requests that nobody reads.
func TestShutdownOverTCP(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served, proceed := make(chan struct{}), make(chan struct{})
	body := make([]byte, 3<<20)
	srv := NewServer(ServerOptions{Handler: HandlerFunc(func(req *Request) {
		close(served)
		<-proceed
		req.Reply(&Response{Body: body})
	})})
	go func() { _ = srv.Serve(t.Context(), ln) }()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t, nc}
	p.send(Command{Opaque: 1})
	<-served
	down := make(chan error, 1)
	go func() { down <- srv.Shutdown(t.Context()) }()
	for !srv.shared.each()[0].draining.Load() {
		runtime.Gosched()
	}
	p.send(Command{Opaque: 2})
	close(proceed)
	if c := p.expect(1, RespSuccess); len(c.Body) != len(body) {
		t.Errorf("the body has %d bytes, want %d", len(c.Body), len(body))
	}
	p.expectClosed()
	_ = nc.Close()
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v, want nil", err)
	}
}

// Nor does a peer that has read all and does not hang up.
func TestShutdownSoonDoesNotLinger(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := NewServer(ServerOptions{Handler: HandlerFunc(echo)})
	go func() { _ = srv.Serve(t.Context(), ln) }()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	p := &peer{t, nc}
	p.send(Command{Opaque: 1})
	p.expect(1, RespSuccess)
	begin := time.Now()
	if err := srv.ShutdownSoon(t.Context(), lingerTime/20); err != nil || time.Since(begin) >= lingerTime {
		t.Errorf("ShutdownSoon: %v after %v, want nil within %v", err, time.Since(begin), lingerTime)
	}
}

func TestAddresses(t *testing.T) {
	conns := make(chan *Conn, 1)
	addr := startServer(t, ServerOptions{Handler: HandlerFunc(func(req *Request) { conns <- req.Conn(); echo(req) })})
	cl := NewClient(ClientOptions{})
	defer cl.Close()
	if _, err := cl.Call(t.Context(), addr, &Command{}); err != nil {
		t.Fatal(err)
	}
	near, err := cl.Conn(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	far := <-conns
	if near.RemoteAddr() != netip.MustParseAddrPort(addr) || near.RemoteAddr() != far.LocalAddr() || near.LocalAddr() != far.RemoteAddr() {
		t.Errorf("addresses are %v %v and %v %v, want %s and those of one connection",
			near.LocalAddr(), near.RemoteAddr(), far.LocalAddr(), far.RemoteAddr(), addr)
	}
	mapped := &net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 9}
	if got := addrPort(mapped); got != netip.MustParseAddrPort("192.0.2.1:9") {
		t.Errorf("addrPort(%v) = %v, want IPv4", mapped, got)
	}
}
