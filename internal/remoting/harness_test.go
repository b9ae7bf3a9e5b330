package remoting

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// A rig is a Server that tests reach over pipes, to be used in a synctest
// bubble. When the test ends the Server must have given back all it took.
type rig struct {
	t   *testing.T
	srv *Server
	ln  *pipeListener
	log *logBook
}

func newRig(t *testing.T, opts ServerOptions) *rig {
	t.Helper()
	r := &rig{t: t, ln: newPipeListener(), log: new(logBook)}
	opts.Log = r.log.logger()
	closed := opts.OnClose
	opts.OnClose = func(c *Conn) {
		c.shared.mu.Lock()
		if f := c.from; f != nil && f.conns == 0 && f.room.used.Load() != 0 {
			t.Errorf("%v: %d bytes are still counted for replies", c.remote, f.room.used.Load())
		}
		c.shared.mu.Unlock()
		if closed != nil {
			closed(c)
		}
	}
	r.srv = NewServer(opts)
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { served <- r.srv.Serve(ctx, r.ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v, want nil", err)
		}
		_ = r.srv.Shutdown(ctx) // at once: ctx has ended
		if got := r.srv.shared.budget.used.Load(); got != 0 {
			t.Errorf("%d bytes are still counted as in flight", got)
		}
		if got, large, giants := r.srv.shared.arriving.Load()+r.srv.shared.small.used.Load(), r.srv.shared.large.used.Load(), r.srv.shared.giants.used.Load(); got != 0 || large != 0 || giants != 0 {
			t.Errorf("%d bytes are still counted for frames, %d for large ones, and %d turns", got, large, giants)
		}
		if got := r.srv.shared.replies.Load(); got != 0 {
			t.Errorf("%d bytes are still counted for replies", got)
		}
	})
	return r
}

// echo replies with the body of the request.
func echo(req *Request) { req.Reply(&Response{Remark: req.Remark, Body: req.Body}) }

// dial connects to the rig.
func (r *rig) dial() *peer {
	r.t.Helper()
	return &peer{r.t, r.ln.connect(nil)}
}

// client returns a Client that dials the rig.
func (r *rig) client(opts ClientOptions) *Client {
	r.t.Helper()
	if opts.Dial == nil {
		opts.Dial = func(context.Context, string, string) (net.Conn, error) { return r.ln.connect(nil), nil }
	}
	cl := NewClient(opts)
	r.t.Cleanup(func() {
		_ = cl.Close()
		if got := cl.shared.budget.used.Load(); got != 0 {
			r.t.Errorf("client: %d bytes are still counted as in flight", got)
		}
	})
	return cl
}

// conn returns the connection of a new Client to the rig.
func (r *rig) conn(opts ClientOptions) *Conn {
	r.t.Helper()
	c, err := r.client(opts).Conn(r.t.Context(), "server:1")
	if err != nil {
		r.t.Fatalf("Conn: %v", err)
	}
	return c
}

// A peer is the other end of a connection, byte by byte.
type peer struct {
	t  *testing.T
	nc net.Conn
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.nc.Write(b); err != nil {
		p.t.Errorf("write: %v", err)
	}
}

func (p *peer) send(c Command) {
	p.t.Helper()
	p.write(AppendCommand(nil, &c))
}

// read returns the next command, or the error of reading.
func (p *peer) read() (Command, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(p.nc, head); err != nil {
		return Command{}, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(head))
	if _, err := io.ReadFull(p.nc, rest); err != nil {
		return Command{}, err
	}
	return DecodeCommand(append(head, rest...), Limits{})
}

// expect reads a response and checks opaque and code.
func (p *peer) expect(opaque, code int32) Command {
	p.t.Helper()
	c, err := p.read()
	if err != nil || !c.IsResponse() || c.Opaque != opaque || c.Code != code {
		p.t.Errorf("read %+v, %v, want the response to %d with code %d", c, err, opaque, code)
	}
	return c
}

// expectClosed reads until the server hangs up.
func (p *peer) expectClosed() {
	p.t.Helper()
	if c, err := p.read(); !errors.Is(err, io.EOF) {
		p.t.Errorf("read %+v, %v, want the end", c, err)
	}
}

// A pipeListener makes pipes of dials. Errors sent to fail come out of Accept.
type pipeListener struct {
	conns chan net.Conn
	fail  chan error
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), fail: make(chan error), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case err := <-l.fail:
		return nil, err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{Port: 1} }

// connect returns the client's end of a new connection, which comes from remote
// if that is not nil.
func (l *pipeListener) connect(remote net.Addr) net.Conn {
	near, far := net.Pipe()
	if remote != nil {
		far = addrConn{far, remote}
	}
	l.conns <- far
	return near
}

type addrConn struct {
	net.Conn
	remote net.Addr
}

func (c addrConn) RemoteAddr() net.Addr { return c.remote }

// A logBook keeps what is logged.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// expect checks that exactly n lines were logged with all of words in each.
func (b *logBook) expect(t *testing.T, n int, words ...string) {
	t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	got := 0
	for line := range strings.Lines(b.text.String()) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			got++
		}
	}
	if got != n {
		t.Errorf("%d log lines have %q, want %d; the log is\n%s", got, words, n, b.text.String())
	}
}
