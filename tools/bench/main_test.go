package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// portVariable makes the test binary a small broker that listens there, and
// masterVariable the slave of another one.
const (
	portVariable   = "BENCH_TEST_BROKER_PORT"
	masterVariable = "BENCH_TEST_MASTER"
)

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
// of one byte to who pulls. One with a master has more of its log each time it
// is asked. What has a delay it stores a second later, with its body; timers it refuses.
type fakeBroker struct {
	master string
	mu     sync.Mutex // guards the rest
	ends   map[string]int64
	bodies map[string][][]byte // of messages that had a delay, by queue
	log    int64
}

// fakeRecord is what a fake broker's log takes for a message, in bytes.
const fakeRecord = 4 << 20

func serveFake(port string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	b := &fakeBroker{ends: make(map[string]int64), bodies: make(map[string][][]byte), master: os.Getenv(masterVariable)}
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
		if props := r.Fields.Get("i"); strings.Contains(props, "TIMER_DELAY_MS") {
			resp.Code, resp.Remark = remoting.RespMessageIllegal, "timed"
			break
		} else if strings.Contains(props, "DELAY\x011\x02") {
			queue, body := r.Fields.Get("b")+r.Fields.Get("e"), bytes.Clone(r.Body)
			time.AfterFunc(time.Second, func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.bodies[queue] = append(b.bodies[queue], body)
				b.ends[queue]++
			})
			break
		}
		b.ends[r.Fields.Get("b")+r.Fields.Get("e")]++
		b.log += fakeRecord
	case remoting.ReqGetBrokerRuntimeInfo:
		if b.master != "" {
			m, err := logEnd(context.Background(), b.master, nil)
			if err != nil {
				resp.Code = remoting.RespSystemError
			}
			b.log = min(m.end, b.log+max((m.end-b.log)/2, 4*fakeRecord))
		}
		resp.Body = fmt.Appendf(nil, `{"table":{"commitLogMaxOffset":"%d","dispatchBehindBytes":"0"}}`, b.log)
	case remoting.ReqGetMaxOffset:
		resp.Fields.AddInt("offset", b.ends[queue])
	case remoting.ReqGetMinOffset:
		resp.Fields.AddInt("offset", 0)
	case remoting.ReqPullMessage:
		at, _ := r.Fields.Int64("queueOffset")
		if at >= b.ends[queue] && r.Fields.Get("suspendTimeoutMillis") != "0" { // held, if not for long
			time.AfterFunc(5*time.Millisecond, func() { b.serve(r) })
			return
		}
		if at >= b.ends[queue] {
			resp.Code = remoting.RespPullNotFound
		}
		for ; at < b.ends[queue] && len(resp.Body) < 4000; at++ {
			body := []byte("x")
			if late := b.bodies[queue]; late != nil {
				body = late[at]
			}
			resp.Body = record.Append(resp.Body, &record.Message{Topic: "T", Body: body})
		}
		resp.Fields.AddInt("nextBeginOffset", at)
	}
	r.Reply(resp)
}

// A fakeTarget starts the test binary as a broker.
type fakeTarget struct {
	label     string
	port      int
	slavePort int
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

func (f *fakeTarget) startMaster(ctx context.Context, dir, flush, _ string) (*broker, error) {
	return f.start(ctx, dir, flush)
}

func (f *fakeTarget) startSlave(ctx context.Context, dir, _ string) (*broker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startBroker(ctx, spawn{dir: dir, addr: loopback(f.slavePort), path: self, env: append(fakeEnv(f.slavePort), masterVariable+"="+loopback(f.port))})
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
