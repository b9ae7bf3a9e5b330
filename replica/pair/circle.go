package pair

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"pairmq/internal/remoting"
	"pairmq/replica/proof"
)

// ErrOutsider says that a broker may not be the other half: it is not configured, and has proven nothing.
var ErrOutsider = errors.New("pair: not the other half of this pair")

// Conns has connections to brokers, for clients: *remoting.Client has those to all, a
// *Circle those to other halves alone.
type Conns interface {
	Conn(ctx context.Context, addr string) (*remoting.Conn, error)
}

// CircleOptions say who may be the other half.
type CircleOptions struct {
	Conns Conns                               // required
	Plain func(local, remote netip.Addr) bool // who need not prove anything; it must not block
	Key   *proof.Key                          // nil: nobody proves anything
	Claim func() proof.Claim                  // what this side says of itself; required with Key
}

// A Circle has connections to other halves of a pair: what is asked there is answered by one that
// was configured, or has proven that it has the secret, to which this side has shown the same. A
// connection is proven once, at its beginning. Its methods are safe for concurrent use.
type Circle struct {
	opts CircleOptions

	mu    sync.Mutex
	known map[*remoting.Conn]*acquaintance
}

// An acquaintance is what is known of one connection.
type acquaintance struct {
	turn chan struct{} // holds one while nobody asks
	good bool
}

// NewCircle returns a Circle.
func NewCircle(o CircleOptions) *Circle {
	return &Circle{opts: o, known: map[*remoting.Conn]*acquaintance{}}
}

// Conn returns the connection to the broker at addr. It fails with ErrOutsider if that may not be the
// other half, and as the connections below it do.
func (c *Circle) Conn(ctx context.Context, addr string) (*remoting.Conn, error) {
	conn, err := c.opts.Conns.Conn(ctx, addr)
	if err != nil {
		return nil, err
	}
	plain := c.opts.Plain(conn.LocalAddr().Addr(), conn.RemoteAddr().Addr())
	if c.opts.Key == nil {
		if plain {
			return conn, nil
		}
		return nil, fmt.Errorf("%w: %s: name its address in haPeers, or give both halves the same haSecretFile", ErrOutsider, addr)
	}
	a := c.acquaintance(conn)
	select {
	case <-a.turn:
	case <-ctx.Done():
		return nil, fmt.Errorf("pair: %s is being asked for a proof: %w", addr, ctx.Err())
	}
	defer func() { a.turn <- struct{}{} }()
	if a.good {
		return conn, nil
	}
	err = c.prove(ctx, conn, addr)
	switch {
	case errors.Is(err, ErrPlain) && plain:
	case errors.Is(err, ErrPlain):
		return nil, fmt.Errorf("%w: %s knows of no secret: give it the same haSecretFile, or name its address in haPeers", ErrOutsider, addr)
	case err != nil:
		return nil, fmt.Errorf("pair: the proof of %s: %w", addr, err)
	}
	a.good = true
	return conn, nil
}

// Call calls on the connection to addr; see Conn.
func (c *Circle) Call(ctx context.Context, addr string, req *remoting.Command) (*remoting.Command, error) {
	conn, err := c.Conn(ctx, addr)
	if err != nil {
		return nil, err
	}
	return conn.Call(ctx, req)
}

// acquaintance is what is known of conn. Those that have ended are forgotten.
func (c *Circle) acquaintance(conn *remoting.Conn) *acquaintance {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.known[conn]; a != nil {
		return a
	}
	for old := range c.known {
		select {
		case <-old.Done():
			delete(c.known, old)
		default:
		}
	}
	a := &acquaintance{turn: make(chan struct{}, 1)}
	a.turn <- struct{}{}
	c.known[conn] = a
	return a
}

// prove makes sure of who is at the other end of conn, which was dialled at addr. It fails with ErrPlain if nobody there knows
// of that.
func (c *Circle) prove(ctx context.Context, conn *remoting.Conn, addr string) error {
	dialled, err := netip.ParseAddrPort(addr)
	if err != nil { // by name
		dialled = conn.RemoteAddr()
	}
	claim := c.opts.Claim()
	claim.Pin = proof.DialledOf(dialled)
	d := proof.NewDialer(c.opts.Key, proof.Requests, false)
	challenge, err := ask(ctx, conn, d.Hello())
	if err != nil {
		return err
	}
	if _, err := d.Challenged(challenge); err != nil {
		return err
	}
	verdict, err := ask(ctx, conn, d.Proof(claim))
	if err != nil {
		return err
	}
	if _, err := d.Verdict(verdict); err != nil {
		return fmt.Errorf("%w: %w", ErrOutsider, err)
	}
	return nil
}

func ask(ctx context.Context, conn *remoting.Conn, body []byte) ([]byte, error) {
	resp, err := conn.Call(ctx, &remoting.Command{Code: remoting.ReqProveHalf, Body: body})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		_ = conn.Close() // its peer may be gone without a word: dial anew
		return nil, err
	case err != nil:
		return nil, err
	case resp.Code == remoting.RespRequestCodeNotSupported:
		return nil, ErrPlain
	case resp.Code != remoting.RespSuccess:
		return nil, fmt.Errorf("%w: it answers %s: %.200q", ErrOutsider, remoting.ResponseName(resp.Code), resp.Remark)
	}
	return resp.Body, nil
}
