package discovery

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"pairmq/internal/remoting"
)

// A lan is a network of pipes: servers that answer, hang, or are not there.
type lan struct {
	t     testing.TB
	ctx   context.Context
	wg    sync.WaitGroup
	mu    sync.Mutex
	hosts map[string]*host
	dials map[string]int // attempts by address
}

// A host is one address of a lan.
type host struct {
	server *remoting.Server
	pipes  *pipeListener // nil: connects and then does nothing
	conns  []net.Conn
}

func newLAN(t testing.TB) *lan {
	l := &lan{t: t, ctx: t.Context(), hosts: make(map[string]*host), dials: make(map[string]int)}
	return l
}

// serve puts a server at addr.
func (l *lan) serve(addr string, h remoting.Handler) {
	server := remoting.NewServer(remoting.ServerOptions{Handler: h})
	pipes := newPipeListener()
	l.mu.Lock()
	l.hosts[addr] = &host{server: server, pipes: pipes}
	l.mu.Unlock()
	l.wg.Go(func() {
		if err := server.Serve(l.ctx, pipes); err != nil {
			l.t.Errorf("serve %s: %v", addr, err)
		}
	})
}

// hang puts something at addr that takes connections and never answers.
func (l *lan) hang(addr string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts[addr] = &host{}
}

// remove takes addr off the network and closes its connections.
func (l *lan) remove(addr string) {
	l.mu.Lock()
	h := l.hosts[addr]
	delete(l.hosts, addr)
	l.mu.Unlock()
	for _, c := range h.conns {
		_ = c.Close()
	}
	if h.server != nil {
		now, cancel := context.WithCancel(l.ctx) // does not wait for requests without answer
		cancel()
		if err := h.server.Shutdown(now); err != nil && !errors.Is(err, context.Canceled) {
			l.t.Errorf("shut %s down: %v", addr, err)
		}
	}
}

// close takes all addresses off; the bubble of a test needs it.
func (l *lan) close() {
	for addr := range l.hosts {
		l.remove(addr)
	}
	l.wg.Wait()
}

func (l *lan) dialed(addr string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dials[addr]
}

func (l *lan) client() *remoting.Client {
	return remoting.NewClient(remoting.ClientOptions{Dial: l.dial})
}

var errNoHost = errors.New("connection refused")

func (l *lan) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	l.mu.Lock()
	l.dials[addr]++
	h := l.hosts[addr]
	if h == nil {
		l.mu.Unlock()
		return nil, errNoHost
	}
	here, there := net.Pipe()
	h.conns = append(h.conns, here, there)
	l.mu.Unlock()
	if h.pipes == nil {
		return here, nil
	}
	select {
	case h.pipes.conns <- there:
		return here, nil
	case <-h.pipes.done:
		return nil, errNoHost
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A pipeListener accepts the pipes that dial makes.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error   { close(p.done); return nil }
func (p *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
