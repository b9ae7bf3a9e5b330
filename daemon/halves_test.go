package main

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// TestNameServersAreAskedAgain: what one does not answer is asked for again the
// next time, and meanwhile its last answer counts.
func TestNameServersAreAskedAgain(t *testing.T) {
	var asked, broken atomic.Int64
	serve := func(broker string, broken *atomic.Int64) (addr string) {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(req *remoting.Request) {
			asked.Add(1)
			if broken != nil && broken.Load() > 0 {
				req.ReplyError(remoting.RespSystemError, "busy")
				return
			}
			info := discovery.ClusterInfo{BrokerAddrTable: map[string]discovery.BrokerData{"box": {BrokerAddrs: map[int64]string{0: broker}}}}
			body, err := info.Encode()
			if err != nil {
				t.Error(err)
			}
			req.Reply(&remoting.Response{Body: body})
		})})
		go func() { _ = srv.Serve(t.Context(), ln) }()
		t.Cleanup(func() { _ = srv.Shutdown(context.Background()) })
		return ln.Addr().String()
	}
	client := remoting.NewClient(remoting.ClientOptions{})
	defer client.Close()
	l := newLister([]string{serve("10.0.0.1:10911", nil), serve("10.0.0.2:10911", &broken)}, client, "box")
	for i, step := range []struct {
		broken int64
		asks   int64 // so far
		want   []string
	}{
		{1, 2, []string{"10.0.0.1:10911"}},
		{0, 4, []string{"10.0.0.1:10911", "10.0.0.2:10911"}},
		{0, 4, []string{"10.0.0.1:10911", "10.0.0.2:10911"}}, // all have answered just now
		{1, 6, []string{"10.0.0.1:10911", "10.0.0.2:10911"}}, // later
	} {
		if i == 3 {
			l.last = l.last.Add(-namesrvListTime)
		}
		broken.Store(step.broken)
		if got := l.others(t.Context()); !slices.Equal(got, step.want) || asked.Load() != step.asks {
			t.Errorf("step %d: %v after %d questions, want %v after %d", i, got, asked.Load(), step.want, step.asks)
		}
	}
}

// A pipeListener accepts one end of a pipe, and then nothing until it is closed.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	gone  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.gone:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.gone) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// TestASilentNameServerDelaysNobody: what the others say is known a moment after
// the first of them has said it. Where none does, the time for all of them runs out.
func TestASilentNameServerDelaysNobody(t *testing.T) {
	for _, tt := range []struct {
		name    string
		servers []string
		takes   time.Duration
		want    []string
	}{
		{"one that answers", []string{"good:1"}, 0, []string{"10.0.0.1:10911"}},
		{"a silent one beside it", []string{"silent:1", "good:1"}, namesrvLateTime, []string{"10.0.0.1:10911"}},
		{"only a silent one", []string{"silent:1"}, namesrvAskTime, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := &pipeListener{conns: make(chan net.Conn, 1), gone: make(chan struct{})}
				srv := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(req *remoting.Request) {
					info := discovery.ClusterInfo{BrokerAddrTable: map[string]discovery.BrokerData{"box": {BrokerAddrs: map[int64]string{0: "10.0.0.1:10911"}}}}
					body, err := info.Encode()
					if err != nil {
						t.Error(err)
					}
					req.Reply(&remoting.Response{Body: body})
				})})
				ctx, cancel := context.WithCancel(t.Context())
				var serving sync.WaitGroup
				serving.Go(func() { _ = srv.Serve(ctx, ln) })
				client := remoting.NewClient(remoting.ClientOptions{Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
					if addr == "silent:1" {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					near, far := net.Pipe()
					ln.conns <- far
					return near, nil
				}})
				begin := time.Now()
				if got := newLister(tt.servers, client, "box").others(t.Context()); !slices.Equal(got, tt.want) || time.Since(begin) != tt.takes {
					t.Errorf("%v after %v, want %v after %v", got, time.Since(begin), tt.want, tt.takes)
				}
				_ = client.Close()
				cancel()
				serving.Wait()
				_ = srv.Shutdown(ctx)
			})
		})
	}
}
