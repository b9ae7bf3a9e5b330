package harness

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
)

// A fakeBroker answers what idle consumers ask, and a name server's request too.
type fakeBroker struct {
	mu      sync.Mutex // guards the rest
	asked   map[int32]int
	bodies  []string
	refused int32 // a request that is answered with SYSTEM_ERROR, but for the first
	silent  int32 // a request that is never answered
}

func (b *fakeBroker) Serve(r *remoting.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asked == nil {
		b.asked = map[int32]int{}
	}
	b.asked[r.Code]++
	resp := &remoting.Response{}
	switch r.Code {
	case b.silent:
		return
	case remoting.ReqHeartBeat:
		b.bodies = append(b.bodies, string(r.Body))
	case remoting.ReqGetMaxOffset:
		resp.Fields.AddInt("offset", 7)
	case remoting.ReqPullMessage:
		if r.Fields.Get("queueOffset") == "7" {
			resp.Code = remoting.RespPullNotFound
			time.AfterFunc(HoldTime, func() { r.Reply(resp) })
			return
		}
	}
	if r.Code == b.refused && b.asked[r.Code] > 1 {
		resp.Code, resp.Remark = remoting.RespSystemError, "no more"
	}
	r.Reply(resp)
}

// A pipeListener accepts pipes.
type pipeListener struct {
	conns chan net.Conn
	ctx   context.Context
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{Port: 1} }

// serve serves on pipes until the function that it returns as well is called.
func serve(t *testing.T, b *fakeBroker) (dial dialFunc, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ln := &pipeListener{make(chan net.Conn), ctx}
	s := remoting.NewServer(remoting.ServerOptions{Handler: b})
	done := make(chan error)
	go func() { done <- s.Serve(ctx, ln) }()
	dial = func(ctx context.Context, _, addr string) (net.Conn, error) {
		if addr == "nobody:1" {
			return nil, errors.New("nobody listens")
		}
		near, far := net.Pipe()
		select {
		case ln.conns <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return dial, func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) { // ln may hear of it before the server
			t.Error(err)
		}
		ended, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ended); err != nil {
			t.Error(err)
		}
	}
}

// TestIdleConsumersDoWhatClientsDo, as often as they do it.
func TestIdleConsumersDoWhatClientsDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBroker{}
		dial, stop := serve(t, b)
		defer stop()
		all, err := StartConsumers(t.Context(), ConsumerOptions{Broker: "broker:1", Namesrv: "namesrv:1", Topic: "T", Name: "Idle", Groups: 2, Queues: 3, Dial: dial})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute + time.Second)
		if err := all.Stop(); err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		// Of each of 6: at the start and every 30 s; the end of the queue once; at the start and every 5 s; every 15 s.
		for code, want := range map[int32]int{
			remoting.ReqHeartBeat: 18, remoting.ReqGetRouteinfoByTopic: 18, remoting.ReqGetMaxOffset: 6,
			remoting.ReqUpdateConsumerOffset: 78, remoting.ReqPullMessage: 30,
		} {
			if b.asked[code] != want {
				t.Errorf("%s was asked %d times in a minute, want %d", remoting.RequestName(code), b.asked[code], want)
			}
		}
		bodies := strings.Join(b.bodies, "\n")
		for _, want := range []string{`"idle@`, `"Idle@0-0"`, `"Idle@1-2"`, `"IdleConsumer0"`, `"IdleConsumer1"`, `"topic":"T"`, `"IdleProducer"`} {
			if strings.Contains(bodies, want) == (want == `"idle@`) {
				t.Errorf("the heartbeats have %s: %v", want, !strings.Contains(bodies, want))
			}
		}
	})
}

// TestIdleConsumersSayWhoWasNotServed, at the start or when they are stopped.
func TestIdleConsumersSayWhoWasNotServed(t *testing.T) {
	tests := []struct {
		name        string
		broker      *fakeBroker
		start, stop string // what the errors say
	}{
		{"a commit is refused later", &fakeBroker{refused: remoting.ReqUpdateConsumerOffset}, "", "UPDATE_CONSUMER_OFFSET of I@0-0: answered with SYSTEM_ERROR, not SUCCESS: no more"},
		{"a heartbeat is refused later", &fakeBroker{refused: remoting.ReqHeartBeat}, "", "HEART_BEAT of I@0-0"},
		{"a pull is not held", &fakeBroker{silent: remoting.ReqPullMessage}, "", "PULL_MESSAGE of I@0-0"},
		{"a route is not given", &fakeBroker{silent: remoting.ReqGetRouteinfoByTopic}, "GET_ROUTEINFO_BY_TOPIC of I@0-0", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, stop := serve(t, tt.broker)
				defer stop()
				all, err := StartConsumers(t.Context(), ConsumerOptions{Broker: "broker:1", Namesrv: "namesrv:1", Topic: "T", Name: "I", Groups: 1, Queues: 1, Dial: dial})
				if tt.start != "" {
					if err == nil || !strings.Contains(err.Error(), tt.start) {
						t.Errorf("start: %v, want %q", err, tt.start)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if err := all.Stop(); err == nil || !strings.Contains(err.Error(), tt.stop) {
					t.Errorf("stop: %v, want %q", err, tt.stop)
				}
			})
		})
	}
}

// TestWhetherARequestWasSent: only what found no connection surely was not.
func TestWhetherARequestWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, stop := serve(t, &fakeBroker{silent: 1, refused: remoting.ReqHeartBeat})
		defer stop()
		c := newClient(time.Second, 2*time.Second, dial)
		defer c.Close()
		if _, sent, err := c.Try(t.Context(), "nobody:1", 2, nil, nil); sent || err == nil {
			t.Errorf("where nobody listens: sent %v, %v", sent, err)
		}
		begin := time.Now()
		if _, sent, err := c.Try(t.Context(), "broker:1", 1, nil, nil); !sent || !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 2*time.Second {
			t.Errorf("without an answer: sent %v, %v after %v", sent, err, time.Since(begin))
		}
		for _, want := range []error{nil, Refusal{remoting.RespSystemError, "no more"}} {
			if _, err := c.Ask(t.Context(), "broker:1", remoting.ReqHeartBeat, nil); err != want {
				t.Errorf("an answer: %v, want %v", err, want)
			}
		}
	})
}
