package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pairmq/daemon/config"
	"pairmq/hal/disk"
	"pairmq/internal/remoting"
	"pairmq/store/record"
)

// lastPort is the port that freePorts tried last: no two daemons of these tests get
// the same, for they listen only later.
var lastPort atomic.Int32

// freePorts finds n free ports p such that p - 2 and p + 1 are free as well. They are
// none of those that the kernel gives to connections: such a one could come before
// the daemon.
func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	lastPort.CompareAndSwap(0, 12_000+4*rand.Int32N(3_000))
	for len(ports) < n {
		p := int(lastPort.Add(4))
		if p > 32_000 {
			lastPort.CompareAndSwap(int32(p), 12_000)
			continue
		}
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err != nil {
			continue
		}
		defer ln.Close()
		second, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p-2)))
		if err != nil {
			continue
		}
		defer second.Close()
		third, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p+1)))
		if err != nil {
			continue
		}
		defer third.Close()
		ports = append(ports, p)
	}
	return ports
}

// A daemonUnderTest is run in this process.
type daemonUnderTest struct {
	t        *testing.T
	settings []string
	namesrv  string
	broker   string
	client   *remoting.Client
	disk     opener
	again    chan config.Config // configurations that are read again
	stop     func() error
}

func newDaemon(t *testing.T) *daemonUnderTest {
	t.Helper()
	p := freePorts(t, 3)
	d := &daemonUnderTest{t: t, client: remoting.NewClient(remoting.ClientOptions{}), disk: disk.OS}
	d.namesrv, d.broker = fmt.Sprintf("127.0.0.1:%d", p[0]), fmt.Sprintf("127.0.0.1:%d", p[1])
	d.settings = []string{
		"brokerName=under-test", "bindAddress=127.0.0.1", "metricsListen=", "enableNamesrv=true", "mappedFileSizeCommitLog=8m",
		fmt.Sprintf("namesrvListenPort=%d", p[0]), fmt.Sprintf("listenPort=%d", p[1]), fmt.Sprintf("haListenPort=%d", p[2]),
		"storePathRootDir=" + t.TempDir(),
	}
	t.Cleanup(func() { d.client.Close() })
	return d
}

// config is what its settings make.
func (d *daemonUnderTest) config() config.Config {
	d.t.Helper()
	cfg, _, err := config.Load("", d.settings)
	if err != nil {
		d.t.Fatal(err)
	}
	return cfg
}

func (d *daemonUnderTest) start() {
	d.t.Helper()
	cfg := d.config()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	log := new(lockedBuffer)
	stopped := false
	d.t.Cleanup(func() {
		if d.t.Failed() && !stopped {
			select {
			case err := <-ended: // by itself, such as where a port is taken
				d.t.Logf("the daemon at %s ended: %v", d.broker, err)
			default:
			}
			d.t.Logf("the daemon at %s logged\n%s", d.broker, log)
		}
	})
	d.again = make(chan config.Config)
	go func() { ended <- run(ctx, cfg, d.disk, d.again, slog.New(slog.NewTextHandler(log, nil))) }()
	d.stop = func() error {
		cancel()
		err := <-ended
		d.t.Logf("the daemon logged\n%s", log)
		stopped = true
		return err
	}
}

// A lockedBuffer may be read while others write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// call asks addr until it answers: the daemon may still be starting.
func (d *daemonUnderTest) call(addr string, req *remoting.Command) *remoting.Command {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 20*time.Second)
	defer cancel()
	for {
		resp, err := d.client.Call(ctx, addr, req)
		if err == nil {
			return resp
		}
		if ctx.Err() != nil {
			d.t.Fatalf("%s does not answer: %v", addr, err)
		}
	}
}

func (d *daemonUnderTest) send(topic, body string) *remoting.Command {
	d.t.Helper()
	return d.call(d.broker, sendCommand(topic, body))
}

func sendCommand(topic, body string) *remoting.Command {
	f := remoting.Fields{{Key: "a", Value: "pg"}, {Key: "b", Value: topic}, {Key: "c", Value: "TBW102"}, {Key: "d", Value: "4"}, {Key: "e", Value: "0"},
		{Key: "f", Value: "0"}, {Key: "g", Value: "1795404113251"}, {Key: "h", Value: "0"}, {Key: "i", Value: "TAGS\x01TagA"}}
	return &remoting.Command{Code: remoting.ReqSendMessageV2, Fields: f, Body: []byte(body)}
}

func (d *daemonUnderTest) pull(topic string, offset int64) *remoting.Command {
	d.t.Helper()
	f := remoting.Fields{{Key: "consumerGroup", Value: "cg"}, {Key: "topic", Value: topic}, {Key: "queueId", Value: "0"},
		{Key: "queueOffset", Value: strconv.FormatInt(offset, 10)}, {Key: "maxMsgNums", Value: "32"}, {Key: "sysFlag", Value: "4"},
		{Key: "commitOffset", Value: "0"}, {Key: "suspendTimeoutMillis", Value: "0"}, {Key: "subscription", Value: "TagA"}, {Key: "subVersion", Value: "0"}}
	return d.call(d.broker, &remoting.Command{Code: remoting.ReqPullMessage, Fields: f})
}

// routed asks for the topic's route until the name server has it: the broker
// tells it of a topic just made while the sender is answered.
func (d *daemonUnderTest) routed(topic string) {
	d.t.Helper()
	for {
		r := d.call(d.namesrv, &remoting.Command{Code: remoting.ReqGetRouteinfoByTopic, Fields: remoting.Fields{{Key: "topic", Value: topic}}})
		if r.Code == remoting.RespSuccess && bytes.Contains(r.Body, []byte(d.broker)) {
			return
		}
		if r.Code != remoting.RespTopicNotExist || d.t.Context().Err() != nil {
			d.t.Fatalf("the route of %s is %d %q %s", topic, r.Code, r.Remark, r.Body)
		}
	}
}

// TestAMessageOutlivesTheDaemon sends, stops, starts again and pulls.
func TestAMessageOutlivesTheDaemon(t *testing.T) {
	d := newDaemon(t)
	d.start()
	if r := d.send("Greetings", "hello"); r.Code != remoting.RespSuccess || r.Fields.Get("queueOffset") != "0" {
		t.Errorf("send answers %d %q %v", r.Code, r.Remark, r.Fields)
	}
	d.routed("Greetings")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.start()
	r := d.pull("Greetings", 0)
	if r.Code != remoting.RespSuccess {
		t.Fatalf("pull answers %d %q", r.Code, r.Remark)
	}
	v, err := record.Parse(r.Body, record.Limits{})
	if err != nil || string(v.Body()) != "hello" {
		t.Errorf("pulled %q, %v", v.Body(), err)
	}
	if r := d.send("Greetings", "again"); r.Fields.Get("queueOffset") != "1" {
		t.Errorf("the next message has queue offset %s, want 1", r.Fields.Get("queueOffset"))
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestAFailedStoreEndsTheDaemon takes the log's folder away: the next segment
// cannot be made. The daemon has to end, so that its supervisor starts it again.
func TestAFailedStoreEndsTheDaemon(t *testing.T) {
	dir := t.TempDir()
	d := newDaemon(t)
	d.settings = append(d.settings, "mappedFileSizeCommitLog=128k", "maxMessageSize=16k", "storePathRootDir="+dir)
	ended, cfg := make(chan error, 1), d.config()
	go func() {
		ended <- run(t.Context(), cfg, disk.OS, make(chan config.Config), slog.New(slog.DiscardHandler))
	}()
	d.send("Greetings", "hello")
	if err := os.RemoveAll(filepath.Join(dir, "commitlog")); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("x", 10<<10)
	for range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		resp, err := d.client.Call(ctx, d.broker, sendCommand("Greetings", body))
		cancel()
		if err != nil || resp.Code != remoting.RespSuccess {
			break
		}
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the daemon ended without an error")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the daemon goes on 30 s after its store has failed")
	}
}

func TestAPortInUseIsSaid(t *testing.T) {
	d := newDaemon(t)
	ln, err := net.Listen("tcp", d.broker)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d.start()
	err = d.stop()
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("listen on port ")) {
		t.Errorf("run says %v", err)
	}
}
