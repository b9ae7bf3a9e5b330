package remoting

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {
			req.Reply(&Response{Code: req.Code + 1, Remark: fmt.Sprint(req.Version), Body: req.Body})
		})}).conn(ClientOptions{})
		req := &Command{Code: 10, Opaque: -5, Flag: flagOneway, Body: []byte("body")}
		for range 2 {
			got, err := c.Call(t.Context(), req)
			if err != nil || got.Code != 11 || string(got.Body) != "body" || got.Remark != "407" {
				t.Errorf("Call: %+v, %v, want code 11, the body, and version 407 seen", got, err)
			}
		}
		if req.Opaque != -5 || req.Version != 0 {
			t.Errorf("Call changed its request: %+v", req)
		}
	})
}

// Both sides call each other on one connection; their opaques overlap.
func TestCallsBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {
			req.Conn().Go(&Command{Code: ReqGetConsumerRunningInfo, Body: req.Body}, 0, func(cmd *Command, err error) {
				if err != nil {
					req.ReplyError(RespSystemError, err.Error())
					return
				}
				req.Reply(&Response{Body: cmd.Body})
			})
		})})
		c := r.conn(ClientOptions{Handler: HandlerFunc(func(req *Request) {
			req.Reply(&Response{Body: append([]byte("client saw "), req.Body...)})
		})})
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				got, err := c.Call(t.Context(), &Command{Body: fmt.Append(nil, i)})
				if want := fmt.Sprint("client saw ", i); err != nil || string(got.Body) != want {
					t.Errorf("Call: %+v, %v, want body %q", got, err, want)
				}
			})
		}
		all.Wait()
	})
}

func TestCallsTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held []*Request
		c := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) { held = append(held, req) })}).conn(ClientOptions{})
		start := time.Now()

		_, err := c.Call(t.Context(), &Command{Code: ReqHeartBeat})
		if got := time.Since(start); !errors.Is(err, ErrTimeout) || got != 3*time.Second {
			t.Errorf("Call without a deadline: %v after %v, want ErrTimeout after 3 s", err, got)
		}
		synctest.Wait()
		held[0].ReplyError(0, "too late") // nobody waits for it

		start = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		_, err = c.Call(ctx, &Command{})
		if got := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || got != 7*time.Second {
			t.Errorf("Call: %v after %v, want DeadlineExceeded after 7 s", err, got)
		}
		if _, err := c.Call(ctx, &Command{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Call with a context that has ended: %v, want DeadlineExceeded", err)
		}

		type end struct{ due, at time.Duration }
		ends := make(chan end, 10)
		start = time.Now()
		for _, d := range []time.Duration{5 * time.Second, 2 * time.Second, 2 * time.Second, 2*time.Second + time.Millisecond, time.Minute} {
			c.Go(&Command{}, d, func(_ *Command, err error) {
				if !errors.Is(err, ErrTimeout) {
					t.Errorf("Go(%v): %v, want ErrTimeout", d, err)
				}
				ends <- end{d, time.Since(start)}
			})
		}
		for range 5 {
			if e := <-ends; e.at < e.due || e.at > e.due+expiryGrain {
				t.Errorf("Go(%v) ended after %v, want that, or up to %v more", e.due, e.at, expiryGrain)
			}
		}
		time.Sleep(2 * time.Minute)
		if len(ends) != 0 {
			t.Errorf("%d calls ended twice", len(ends))
		}
	})
}

func TestCallsEndWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {
			if req.Code == 1 {
				_ = req.Conn().Close()
			}
		})})
		c := r.conn(ClientOptions{})
		ended := 0
		for range 3 {
			c.Go(&Command{}, time.Hour, func(_ *Command, err error) {
				if ended++; !errors.Is(err, ErrClosed) {
					t.Errorf("Go: %v, want ErrClosed", err)
				}
			})
		}
		if _, err := c.Call(t.Context(), &Command{Code: 1}); !errors.Is(err, ErrClosed) {
			t.Errorf("Call: %v, want ErrClosed", err)
		}
		<-c.Done()
		synctest.Wait()
		c.Go(&Command{}, time.Hour, func(_ *Command, err error) {
			if ended++; !errors.Is(err, ErrClosed) {
				t.Errorf("Go: %v, want ErrClosed", err)
			}
		})
		if err := c.Oneway(&Command{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Oneway: %v, want ErrClosed", err)
		}
		if ended != 4 {
			t.Errorf("%d of 4 calls ended", ended)
		}
	})
}

func TestCallLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) { <-block })})
		c := r.conn(ClientOptions{Limits: Limits{InFlight: 2, QueuedBytes: 10000, Frame: 50000}})
		results := make(map[error]int)
		for range 3 {
			c.Go(&Command{}, time.Hour, func(_ *Command, err error) { results[cause(err)]++ })
		}
		if results[ErrBusy] != 1 || len(results) != 1 {
			t.Errorf("3 calls, 2 at a time: %v, want ErrBusy once", results)
		}
		for range 9 {
			_ = c.Oneway(&Command{Body: make([]byte, 4000)})
		}
		if err := c.Oneway(&Command{}); !errors.Is(err, ErrBusy) {
			t.Errorf("Oneway with %d bytes queued: %v, want ErrBusy", c.Queued(), err)
		}
		close(block)
		synctest.Wait()
		if err := c.Oneway(&Command{Body: make([]byte, 50000)}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("Oneway beyond the frame limit: %v, want ErrTooLarge", err)
		}
		if got := c.Queued(); got != 0 {
			t.Errorf("%d bytes are queued, want none", got)
		}
	})
}

// cause returns the sentinel that err wraps.
func cause(err error) error {
	for _, sentinel := range []error{ErrBusy, ErrClosed, ErrTimeout} {
		if errors.Is(err, sentinel) {
			return sentinel
		}
	}
	return err
}

// A panic in done ends the connection, and all other calls are told.
func TestPanicInDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {})}).conn(ClientOptions{})
		ended := 0
		c.Go(&Command{}, time.Second, func(*Command, error) { panic("in done") })
		c.Go(&Command{}, time.Hour, func(_ *Command, err error) {
			if ended++; !errors.Is(err, ErrClosed) {
				t.Errorf("Go: %v, want ErrClosed", err)
			}
			panic("in done")
		})
		<-c.Done()
		synctest.Wait()
		if ended != 1 {
			t.Errorf("the other call ended %d times, want once", ended)
		}
	})
}
