package remoting

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestClientSharesAndRenewsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {
			if req.Code == 1 {
				_ = req.Conn().Close()
			}
			echo(req)
		})})
		dials := 0
		cl := r.client(ClientOptions{Dial: func(_ context.Context, network, addr string) (net.Conn, error) {
			if dials++; network != "tcp" || addr != "broker:10911" {
				t.Errorf("dials %s %s", network, addr)
			}
			time.Sleep(time.Second)
			return r.ln.connect(nil), nil
		}})
		const addr = "broker:10911"
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := cl.Call(t.Context(), addr, &Command{}); err != nil {
					t.Errorf("Call: %v", err)
				}
			})
		}
		all.Wait()
		if dials != 1 {
			t.Errorf("%d dials for one address, want 1", dials)
		}
		if _, err := cl.Call(t.Context(), addr, &Command{Code: 1}); !errors.Is(err, ErrClosed) {
			t.Errorf("Call on a connection that breaks: %v, want ErrClosed", err)
		}
		if _, err := cl.Call(t.Context(), addr, &Command{}); err != nil || dials != 2 {
			t.Errorf("Call after that: %v, %d dials, want nil and 2", err, dials)
		}
		if err := cl.Oneway(t.Context(), addr, &Command{}); err != nil {
			t.Errorf("Oneway: %v", err)
		}
	})
}

func TestClientDialFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials, refused := 0, errors.New("refused")
		cl := newRig(t, ServerOptions{}).client(ClientOptions{Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
			dials++
			if addr == "refuses:1" {
				return nil, refused
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		for range 2 {
			if _, err := cl.Call(t.Context(), "refuses:1", &Command{}); !errors.Is(err, refused) {
				t.Errorf("Call: %v, want what dialling failed with", err)
			}
		}
		if dials != 2 {
			t.Errorf("%d dials, want one for each call after a failure", dials)
		}
		start := time.Now()
		if err := cl.Oneway(t.Context(), "hangs:1", &Command{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("Oneway: %v after %v, want DeadlineExceeded after 3 s", err, time.Since(start))
		}
	})
}

// A caller that gives up does not stop the attempt that others wait for.
func TestClientCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo)})
		cl := r.client(ClientOptions{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			time.Sleep(2 * time.Second)
			return r.ln.connect(nil), ctx.Err()
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := cl.Conn(ctx, "a:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Conn: %v, want DeadlineExceeded", err)
		}
		start := time.Now()
		if _, err := cl.Call(t.Context(), "a:1", &Command{}); err != nil || time.Since(start) != time.Second {
			t.Errorf("Call: %v after %v, want nil after the second that was left", err, time.Since(start))
		}
	})
}

func TestClientClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(*Request) {})})
		var ended atomic.Int32
		cl := r.client(ClientOptions{
			OnClose: func(*Conn) { ended.Add(1) },
			Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
				if addr == "hangs:1" {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return r.ln.connect(nil), nil
			},
		})
		var all sync.WaitGroup
		for _, addr := range []string{"a:1", "b:1", "hangs:1"} {
			all.Go(func() {
				if _, err := cl.Call(t.Context(), addr, &Command{}); err == nil {
					t.Errorf("Call of %s succeeded", addr)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		_ = cl.Close()
		all.Wait()
		if got := time.Since(start); got != 0 || ended.Load() != 2 {
			t.Errorf("Close took %v and ended %d connections, want 0 and 2", got, ended.Load())
		}
		if _, err := cl.Conn(t.Context(), "a:1"); !errors.Is(err, ErrClosed) {
			t.Errorf("Conn after Close: %v, want ErrClosed", err)
		}
	})
}

func TestClientConnLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cl := newRig(t, ServerOptions{Handler: HandlerFunc(echo)}).client(ClientOptions{Limits: Limits{Conns: 2}})
		for _, addr := range []string{"a:1", "b:1", "a:1"} {
			if _, err := cl.Call(t.Context(), addr, &Command{}); err != nil {
				t.Errorf("Call(%s): %v", addr, err)
			}
		}
		if _, err := cl.Conn(t.Context(), "c:1"); !errors.Is(err, ErrBusy) {
			t.Errorf("a third connection of 2: %v, want ErrBusy", err)
		}
		a, _ := cl.Conn(t.Context(), "a:1")
		_ = a.Close()
		synctest.Wait()
		if _, err := cl.Call(t.Context(), "c:1", &Command{}); err != nil {
			t.Errorf("after one was closed: %v", err)
		}
	})
}

func TestClientWithoutHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan *Command, 1)
		c := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {
			req.Conn().Go(&Command{Code: ReqResetConsumerClientOffset}, 0, func(cmd *Command, err error) { got <- cmd })
		})}).conn(ClientOptions{})
		if err := c.Oneway(&Command{}); err != nil {
			t.Fatal(err)
		}
		if cmd := <-got; cmd == nil || cmd.Code != RespRequestCodeNotSupported {
			t.Errorf("the server got %+v, want code 3", cmd)
		}
	})
}
