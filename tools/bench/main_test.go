package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// portVariable makes the test binary a small broker that listens there.
const portVariable = "BENCH_TEST_BROKER_PORT"

func TestMain(m *testing.M) {
	if port := os.Getenv(portVariable); port != "" {
		if err := serveFake(port); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A fakeBroker counts what is sent to each topic, and gives as many messages
// of one byte to who pulls.
type fakeBroker struct {
	mu   sync.Mutex // guards ends
	ends map[string]int64
}

func serveFake(port string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	b := &fakeBroker{ends: make(map[string]int64)}
	s := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(b.serve)})
	if err := s.Serve(ctx, ln); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.Shutdown(ctx)
}

func (b *fakeBroker) serve(r *remoting.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	resp := &remoting.Response{}
	queue := r.Fields.Get("topic") + r.Fields.Get("queueId")
	switch r.Code {
	case remoting.ReqSendMessageV2:
		b.ends[r.Fields.Get("b")+r.Fields.Get("e")]++
	case remoting.ReqGetMaxOffset:
		resp.Fields.AddInt("offset", b.ends[queue])
	case remoting.ReqGetMinOffset:
		resp.Fields.AddInt("offset", 0)
	case remoting.ReqPullMessage:
		at, _ := r.Fields.Int64("queueOffset")
		if at >= b.ends[queue] {
			resp.Code = remoting.RespPullNotFound
		}
		for ; at < b.ends[queue] && len(resp.Body) < 4000; at++ {
			resp.Body = record.Append(resp.Body, &record.Message{Topic: "T", Body: []byte("x")})
		}
		resp.Fields.AddInt("nextBeginOffset", at)
	}
	r.Reply(resp)
}

// A fakeTarget starts the test binary as a broker.
type fakeTarget struct {
	label string
	port  int
}

func (f *fakeTarget) name() string    { return f.label }
func (f *fakeTarget) version() string { return "fake " + f.label }

func (f *fakeTarget) start(ctx context.Context, dir, _ string) (*broker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startBroker(ctx, spawn{dir: dir, addr: loopback(f.port), path: self, env: fakeEnv(f.port)})
}

// fakeEnv is the environment of a fake broker. Under the race detector a
// process would otherwise take a second to end.
func fakeEnv(port int) []string {
	return []string{portVariable + "=" + strconv.Itoa(port), "GORACE=atexit_sleep_ms=0"}
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}
