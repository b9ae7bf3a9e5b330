package remoting

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"sync"
	"time"
)

// ClientOptions says how a Client connects.
type ClientOptions struct {
	DialTimeout time.Duration // 0 means 3 s
	Handler     Handler       // for requests of servers; nil answers them with RespRequestCodeNotSupported
	// OnClose, if set, is called once for each connection after it has ended.
	OnClose func(*Conn)
	// Dial connects; nil means TCP. It must return when ctx ends.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS, if set, has connections use TLS: it returns how, for the host of an address. The
	// handshake is a part of DialTimeout.
	TLS func(host string) *tls.Config
	// Sign, if set, is shown each request before it is sent, to add fields. It must not
	// change the memory of those that are there.
	Sign   func(*Command)
	Limits Limits
	Log    *slog.Logger // nil discards
}

// A Client keeps one connection per address, dialled when it is first needed
// and again after it has ended. Use NewClient and Close. Its methods are safe
// for concurrent use.
type Client struct {
	shared *shared
	opts   ClientOptions
	ctx    context.Context // of dialling; ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // dials

	mu     sync.Mutex // guards the rest
	dials  map[string]*dial
	closed bool
}

// A dial is a connection to an address, perhaps one to be.
type dial struct {
	ready chan struct{} // closed when the rest is set
	conn  *Conn
	err   error
}

// NewClient returns a Client that has no connection yet.
func NewClient(opts ClientOptions) *Client {
	opts.DialTimeout = cmp.Or(opts.DialTimeout, 3*time.Second)
	if opts.Dial == nil {
		opts.Dial = new(net.Dialer).DialContext
	}
	cl := &Client{opts: opts, dials: make(map[string]*dial)}
	cl.ctx, cl.cancel = context.WithCancel(context.Background())
	cl.shared = newShared(opts.Limits, opts.Handler, opts.OnClose, nil, opts.Log)
	cl.shared.sign = opts.Sign
	return cl
}

// Conn returns the connection to addr ("host:port"), dialling if there is none.
// Callers for one address share one attempt, which goes on when ctx of one of
// them ends. It fails with ErrClosed after Close, with ErrBusy beyond
// Limits.Conns, and with the error of dialling.
func (cl *Client) Conn(ctx context.Context, addr string) (*Conn, error) {
	d, err := cl.dialOf(addr)
	if err != nil {
		return nil, err
	}
	select {
	case <-d.ready:
		return d.conn, d.err
	case <-ctx.Done():
		return nil, fmt.Errorf("remoting: connect to %s: %w", addr, ctx.Err())
	}
}

// Call calls on the connection to addr; see Conn and [Conn.Call].
func (cl *Client) Call(ctx context.Context, addr string, req *Command) (*Command, error) {
	c, err := cl.Conn(ctx, addr)
	if err != nil {
		return nil, err
	}
	return c.Call(ctx, req)
}

// Oneway sends a request that wants no answer to addr; see Conn and [Conn.Oneway].
func (cl *Client) Oneway(ctx context.Context, addr string, req *Command) error {
	c, err := cl.Conn(ctx, addr)
	if err != nil {
		return err
	}
	return c.Oneway(req)
}

// Close closes all connections, ends dialling, and returns once all goroutines
// of the Client have ended. It always returns nil.
func (cl *Client) Close() error {
	cl.mu.Lock()
	cl.closed = true
	cl.mu.Unlock()
	cl.cancel()
	cl.shared.close(false)
	cl.wg.Wait()
	cl.shared.wg.Wait()
	return nil
}

// dialOf returns the live or coming connection to addr, which it starts to dial
// if there is none.
func (cl *Client) dialOf(addr string) (*dial, error) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.closed {
		return nil, ErrClosed
	}
	if d, ok := cl.dials[addr]; ok && !d.over() {
		return d, nil
	}
	cl.forget()
	if most := cl.shared.limits.Conns; len(cl.dials) >= most {
		return nil, fmt.Errorf("%w: %d connections", ErrBusy, most)
	}
	d := &dial{ready: make(chan struct{})}
	cl.dials[addr] = d
	cl.wg.Go(func() { cl.dial(d, addr) })
	return d, nil
}

// forget forgets the connections that have ended; cl.mu is held.
func (cl *Client) forget() {
	for addr, d := range cl.dials {
		if d.over() {
			delete(cl.dials, addr)
		}
	}
}

// over says whether d has failed or its connection has ended.
func (d *dial) over() bool {
	select {
	case <-d.ready:
	default:
		return false
	}
	if d.err != nil {
		return true
	}
	select {
	case <-d.conn.done:
		return true
	default:
		return false
	}
}

// dial connects to addr.
func (cl *Client) dial(d *dial, addr string) {
	defer close(d.ready)
	ctx, cancel := context.WithTimeout(cl.ctx, cl.opts.DialTimeout)
	defer cancel()
	nc, err := cl.opts.Dial(ctx, "tcp", addr)
	var stream io.ReadWriter = nc
	if err == nil && cl.opts.TLS != nil {
		stream, err = cl.shake(ctx, nc, addr)
	}
	if err == nil {
		d.conn, err = cl.shared.start(nc, stream, math.MaxInt)
	}
	if err != nil {
		d.err = fmt.Errorf("remoting: connect to %s: %w", addr, err)
	}
}

// shake makes a new connection to addr one of TLS. If it fails nc is closed.
func (cl *Client) shake(ctx context.Context, nc net.Conn, addr string) (*tls.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	t := tls.Client(nc, cl.opts.TLS(host))
	if err := t.HandshakeContext(ctx); err != nil {
		_ = nc.Close() // nothing was sent on it
		return nil, fmt.Errorf("TLS handshake: %w", briefly(err))
	}
	return t, nil
}
