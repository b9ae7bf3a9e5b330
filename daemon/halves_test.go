package main

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"

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
