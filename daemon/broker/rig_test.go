package broker

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// A rig is a running Broker over a fake store, to be used in a synctest bubble.
type rig struct {
	t   testing.TB
	b   *Broker
	st  *fakeStore
	reg *fakeRegistrar
	ln  *pipeListener
	srv *remoting.Server
	log *bytes.Buffer // read it when nothing runs

	stop func() // ends the broker's Run and waits for it
}

// newRig starts a broker called broker-a whose options change may have changed.
func newRig(t testing.TB, change func(*Options, *fakeStore)) *rig {
	t.Helper()
	r := &rig{t: t, st: newFakeStore(), reg: new(fakeRegistrar), ln: newPipeListener(), log: new(bytes.Buffer)}
	opts := Options{
		Store: r.st, Registrar: r.reg, Name: "broker-a", Addr: fakeHost,
		Log: slog.New(slog.NewTextHandler(&lockedWriter{w: r.log}, nil)),
	}
	if change != nil {
		change(&opts, r.st)
	}
	b, err := New(opts)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	r.b, r.st.arrived = b, b.Arrived
	srv := remoting.NewServer(remoting.ServerOptions{Handler: b, OnClose: b.Closed, Limits: remoting.Limits{Idle: time.Hour}})
	r.srv = srv
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := srv.Serve(ctx, r.ln); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	bctx, stopBroker := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- b.Run(bctx) }()
	r.stop = sync.OnceFunc(func() {
		stopBroker()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		r.stop()
		wg.Wait()
		_ = srv.Shutdown(ctx) // at once: ctx has ended
	})
	return r
}

// heartbeatOf is the body of a heartbeat of one consumer with one producer.
func heartbeatOf(id, group, model string, topics ...string) string {
	var subs []string
	for _, topic := range append(topics, table.RetryPrefix+group) {
		subs = append(subs, fmt.Sprintf(`{"topic":%q,"subString":"*","subVersion":1,"expressionType":"TAG","tagsSet":null}`, topic))
	}
	return fmt.Sprintf(`{"clientID":%q,"producerDataSet":[{"groupName":"CLIENT_INNER_PRODUCER"}],"consumerDataSet":[{"groupName":%q,
		"consumeType":"CONSUME_PASSIVELY","messageModel":%q,"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","unitMode":false,
		"subscriptionDataSet":[%s]}],"heartbeatFingerprint":0}`, id, group, model, strings.Join(subs, ","))
}

// topic makes a topic in the store.
func (r *rig) topic(name string, queues int32) {
	_ = r.st.PutTopic(groupTopic(name, queues)) // the fake's error is for others
}

// group makes the default group of that name in the store.
func (r *rig) group(name string) { _ = r.st.PutGroup(table.DefaultGroup(name)) }

// A client is one connection to the rig's broker.
type client struct {
	t      testing.TB
	conn   *remoting.Conn
	mu     sync.Mutex
	pushed []string // what the broker asked: code and group
	asked  []remoting.Command
	told   []remoting.Command
	reply  *remoting.Response // to what it asks; nil: none
}

// client connects from 192.0.2.7.
func (r *rig) client() *client {
	r.t.Helper()
	return r.clientAt("192.0.2.7:40404")
}

// clientAt connects from an address.
func (r *rig) clientAt(from string) *client {
	r.t.Helper()
	c := &client{t: r.t, reply: &remoting.Response{}}
	cl := remoting.NewClient(remoting.ClientOptions{
		Handler: remoting.HandlerFunc(c.serve), Limits: remoting.Limits{Idle: time.Hour},
		Dial: func(context.Context, string, string) (net.Conn, error) { return r.ln.connect(from), nil },
	})
	r.t.Cleanup(func() { _ = cl.Close() })
	conn, err := cl.Conn(r.t.Context(), "broker:10911")
	if err != nil {
		r.t.Fatalf("Conn: %v", err)
	}
	c.conn = conn
	return c
}

func (c *client) serve(req *remoting.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pushed = append(c.pushed, remoting.RequestName(req.Code)+" "+req.Fields.Get("consumerGroup"))
	asked := req.Command
	asked.Body = slices.Clone(asked.Body)
	if req.IsOneway() {
		c.told = append(c.told, asked)
		return
	}
	c.asked = append(c.asked, asked)
	if c.reply != nil {
		req.Reply(c.reply)
	}
}

// pushes returns what the broker has sent of itself since the last call.
func (c *client) pushes() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.pushed
	c.pushed = nil
	return all
}

// answer has the client answer what the broker asks with resp; nil: with nothing.
func (c *client) answer(resp *remoting.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reply = resp
}

// commands returns what the broker has asked since the last call and wants an answer to.
func (c *client) commands() []remoting.Command {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.asked
	c.asked = nil
	return all
}

// oneways returns what the broker has sent since the last call and wants no answer to.
func (c *client) oneways() []remoting.Command {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.told
	c.told = nil
	return all
}

// call sends a request with fields, name and value in turn, and waits for a minute.
func (c *client) call(code int32, body string, fields ...string) *remoting.Command {
	c.t.Helper()
	return c.do(&remoting.Command{Code: code, Language: remoting.Java, Version: 407, Body: []byte(body), Fields: pairs(fields)})
}

func (c *client) do(cmd *remoting.Command) *remoting.Command {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	resp, err := c.conn.Call(ctx, cmd)
	if err != nil {
		c.t.Fatalf("call %s: %v", remoting.RequestName(cmd.Code), err)
	}
	return resp
}

// begin sends a request; the answer comes on the channel.
func (c *client) begin(code int32, body string, fields ...string) <-chan *remoting.Command {
	got := make(chan *remoting.Command, 1)
	cmd := &remoting.Command{Code: code, Version: 407, Body: []byte(body), Fields: pairs(fields)}
	c.conn.Go(cmd, time.Hour, func(resp *remoting.Command, err error) {
		if err != nil && !errors.Is(err, remoting.ErrClosed) {
			c.t.Errorf("call %s: %v", remoting.RequestName(code), err)
		}
		got <- resp
	})
	return got
}

func pairs(fields []string) (all remoting.Fields) {
	for i := 0; i+1 < len(fields); i += 2 {
		all.Add(fields[i], fields[i+1])
	}
	return all
}

// expect checks the code of an answer and that its remark has the words.
func (c *client) expect(resp *remoting.Command, code int32, words string) {
	c.t.Helper()
	if resp.Code != code || !strings.Contains(resp.Remark, words) {
		c.t.Errorf("answered %s %q, want %s with %q", remoting.ResponseName(resp.Code), resp.Remark, remoting.ResponseName(code), words)
	}
}

// pending says whether nothing has come on got.
func pending(got <-chan *remoting.Command) bool {
	synctest.Wait()
	return len(got) == 0
}

// send sends a message with tags to queue 0 of topic.
func (c *client) send(topic, tags, body string) *remoting.Command {
	c.t.Helper()
	props := ""
	if tags != "" {
		props = "TAGS\x01" + tags + "\x02"
	}
	return c.call(remoting.ReqSendMessageV2, body, sendFields(topic, "i", props)...)
}

// sendFields are the fields of a 310 to queue 0, with changes: name and value in turn.
func sendFields(topic string, changes ...string) []string {
	all := []string{"a", "PG", "b", topic, "c", "TBW102", "d", "4", "e", "0", "f", "0", "g", "1795404113251", "h", "0", "i", "", "j", "0", "k", "false", "m", "false"}
	return with(all, changes)
}

// pullFields are the fields of a pull that brings its subscription along.
func pullFields(topic string, changes ...string) []string {
	all := []string{
		"consumerGroup", "CG", "topic", topic, "queueId", "0", "queueOffset", "0", "maxMsgNums", "32", "sysFlag", "4",
		"commitOffset", "0", "suspendTimeoutMillis", "15000", "subscription", "*", "subVersion", "0", "expressionType", "TAG",
	}
	return with(all, changes)
}

// with changes fields; a value of "-" takes the field away.
func with(all, changes []string) []string {
next:
	for i := 0; i+1 < len(changes); i += 2 {
		for j := 0; j+1 < len(all); j += 2 {
			if all[j] == changes[i] {
				if changes[i+1] == "-" {
					all = append(all[:j:j], all[j+2:]...)
				} else {
					all[j+1] = changes[i+1]
				}
				continue next
			}
		}
		if changes[i+1] != "-" {
			all = append(all, changes[i], changes[i+1])
		}
	}
	return all
}

// A fakeRegistrar counts what it is asked. If gate is set, RegisterNow waits for it.
type fakeRegistrar struct {
	mu            sync.Mutex
	now, notified int
	gate          chan struct{}
	deadline      bool
}

func (r *fakeRegistrar) RegisterNow(ctx context.Context) error {
	r.mu.Lock()
	r.now++
	_, r.deadline = ctx.Deadline()
	gate := r.gate
	r.mu.Unlock()
	if gate == nil {
		return nil
	}
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *fakeRegistrar) Notify() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notified++
}

// A pipeListener accepts what connect makes.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{Port: 10911} }

// connect returns the client's end of a new connection from an address.
func (l *pipeListener) connect(from string) net.Conn {
	near, far := net.Pipe()
	l.conns <- addrConn{far, from}
	return near
}

// An addrConn comes from an address.
type addrConn struct {
	net.Conn
	from string
}

func (c addrConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from))
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// golden returns a captured frame as a command; see testdata/frames.
func golden(t testing.TB, name string) *remoting.Command {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "frames", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			digits.WriteString(strings.TrimSpace(line))
		}
	}
	frame, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	cmd, err := remoting.DecodeCommand(frame, remoting.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &cmd
}

// itoa is a number as header fields have it.
func itoa[T int32 | int64 | int](v T) string { return strconv.FormatInt(int64(v), 10) }
