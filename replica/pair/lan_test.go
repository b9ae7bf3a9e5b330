package pair

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"pairmq/internal/remoting"
)

// A lan is a network of pipes with brokers, to be used in a synctest bubble.
type lan struct {
	t  *testing.T
	wg sync.WaitGroup

	mu    sync.Mutex // guards the rest
	hosts map[string]chan net.Conn
	conns []net.Conn
	stops []func()
}

func newLAN(t *testing.T) *lan { return &lan{t: t, hosts: map[string]chan net.Conn{}} }

// serve puts a server at addr.
func (l *lan) serve(addr string, h remoting.HandlerFunc) {
	srv := remoting.NewServer(remoting.ServerOptions{Handler: h})
	ln := pipeListener{make(chan net.Conn), make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts[addr] = ln.conns
	now, cancel := context.WithCancel(context.Background())
	l.wg.Go(func() {
		if err := srv.Serve(now, ln); err != nil {
			l.t.Errorf("serve %s: %v", addr, err)
		}
	})
	l.stops = append(l.stops, func() { cancel(); _ = srv.Shutdown(now) }) // its answers are not awaited
}

// hang puts something at addr that takes connections and never answers.
func (l *lan) hang(addr string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts[addr] = nil
}

// close ends everything; the bubble of a test needs it.
func (l *lan) close() {
	l.mu.Lock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	stops := l.stops
	l.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	l.wg.Wait()
}

var errNobody = errors.New("connection refused")

func (l *lan) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	l.mu.Lock()
	to, there := l.hosts[addr]
	here, far := net.Pipe()
	l.conns = append(l.conns, here, far)
	l.mu.Unlock()
	switch {
	case !there:
		return nil, errNobody
	case to == nil:
		return here, nil
	}
	select {
	case to <- far:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipeListener) Close() error   { close(p.done); return nil }
func (p pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// A half is one broker of a lan.
type half struct {
	t      *testing.T
	pair   *Pair
	memory *Memory
	flash  *flash
	client *remoting.Client
	log    *bytes.Buffer // read it when nothing runs

	mu         sync.Mutex // guards the rest
	state      State
	asked      int      // by others
	superseded []string // by which addresses
	masters    []string // that it was told of
	others     []string // that name servers tell it
}

// newHalf puts a broker at s.Addr.
func (l *lan) newHalf(s State) *half {
	h := &half{t: l.t, state: s, flash: &flash{}, log: &bytes.Buffer{}, client: remoting.NewClient(remoting.ClientOptions{Dial: l.dial})}
	h.memory = h.flash.start(l.t, Role{Name: s.Role, ID: s.BrokerID})
	note := func(list *[]string) func(State) {
		return func(s State) {
			h.mu.Lock()
			defer h.mu.Unlock()
			*list = append(*list, s.Addr)
		}
	}
	var err error
	h.pair, err = New(Options{
		Memory: h.memory, Client: h.client, Self: h.self, Superseded: note(&h.superseded), Master: note(&h.masters),
		Others: func(context.Context) []string { h.mu.Lock(); defer h.mu.Unlock(); return slices.Clone(h.others) },
		Log:    slog.New(slog.NewTextHandler(h.log, nil)),
	})
	if err != nil {
		l.t.Fatal(err)
	}
	from := netip.MustParseAddrPort(s.Addr).Addr() // of whoever asks: all of a test are at one address
	l.serve(s.Addr, func(req *remoting.Request) {
		h.mu.Lock()
		h.asked++
		h.mu.Unlock()
		body, err := h.pair.Answer(req.Body, from)
		if err != nil {
			req.ReplyError(remoting.RespInvalidParameter, err.Error())
			return
		}
		req.Reply(&remoting.Response{Body: body})
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stops = append(l.stops, func() { _ = h.client.Close() })
	return h
}

func (h *half) self() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// becomes changes what the broker says of itself.
func (h *half) becomes(change func(*State)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.state)
}

// seen returns how often others asked, who superseded the broker and which
// masters it was told of since the last call.
func (h *half) seen() (asked int, superseded, masters []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked, superseded, masters = h.asked, h.superseded, h.masters
	h.asked, h.superseded, h.masters = 0, nil, nil
	return asked, superseded, masters
}

// knows has a broker remember others.
func (h *half) knows(addrs ...string) {
	h.t.Helper()
	for _, addr := range slices.Backward(addrs) {
		must(h.t, h.memory.NotePeer(addr, ""))
	}
}
