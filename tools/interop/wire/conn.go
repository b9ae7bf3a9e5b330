package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ErrClosed means that the connection ended before the answer came.
var ErrClosed = errors.New("wire: connection closed")

// CallTimeout bounds a Call whose context has no deadline.
const CallTimeout = 10 * time.Second

// A Conn is one connection to a broker or name server. Calls may overlap.
type Conn struct {
	conn net.Conn

	writing sync.Mutex

	mu      sync.Mutex
	opaque  int32
	waiting map[int32]chan *Command
	pushed  []*Command // requests of the server
	cause   error
	done    chan struct{}
}

// Dial connects to a host:port.
func Dial(ctx context.Context, addr string) (*Conn, error) { return DialFrom(ctx, "", addr) }

// DialFrom is Dial from a local IP address; "" leaves the choice to the system.
func DialFrom(ctx context.Context, local, addr string) (*Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if local != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(local)}
	}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	return begin(conn), nil
}

// DialTLS is Dial over TLS.
func DialTLS(ctx context.Context, addr string, config *tls.Config) (*Conn, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: config}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	return begin(conn), nil
}

func begin(conn net.Conn) *Conn {
	c := &Conn{conn: conn, waiting: map[int32]chan *Command{}, done: make(chan struct{})}
	go c.read()
	return c
}

// Close ends the connection; calls that wait fail with ErrClosed.
func (c *Conn) Close() error { return c.conn.Close() }

// Done is closed when the connection has ended, by either side.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Write sends bytes as they are, to be misunderstood.
func (c *Conn) Write(b []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.conn.Write(b)
	return err
}

// Pushed returns the requests that the server has sent so far.
func (c *Conn) Pushed() []*Command {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*Command(nil), c.pushed...)
}

// Call sends a request and waits for its answer, whatever code it has. It
// fails with ErrClosed, or with ctx's error. req is not changed.
func (c *Conn) Call(ctx context.Context, req *Command) (*Command, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, CallTimeout)
		defer cancel()
	}
	answer := make(chan *Command, 1)
	sent := *req
	c.mu.Lock()
	c.opaque++
	sent.Opaque = c.opaque
	c.waiting[sent.Opaque] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, sent.Opaque)
		c.mu.Unlock()
	}()
	frame, err := sent.Frame()
	if err != nil {
		return nil, err
	}
	if err := c.Write(frame); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrClosed, err)
	}
	select {
	case resp := <-answer:
		return resp, nil
	case <-c.done:
		return nil, fmt.Errorf("%w: %w", ErrClosed, c.cause)
	case <-ctx.Done():
		return nil, fmt.Errorf("wire: code %d: %w", req.Code, ctx.Err())
	}
}

// Do is Call with every answer but success an error.
func (c *Conn) Do(ctx context.Context, req *Command) (*Command, error) {
	resp, err := c.Call(ctx, req)
	if err != nil {
		return nil, err
	}
	return resp, resp.Err()
}

func (c *Conn) read() {
	defer close(c.done)
	defer c.conn.Close()
	r := bufio.NewReader(c.conn)
	for {
		cmd, err := Read(r)
		c.mu.Lock()
		if err != nil {
			c.cause = err
			c.mu.Unlock()
			return
		}
		if cmd.Flag&FlagResponse == 0 {
			c.pushed = append(c.pushed, cmd)
		} else if w := c.waiting[cmd.Opaque]; w != nil {
			w <- cmd
			delete(c.waiting, cmd.Opaque)
		}
		c.mu.Unlock()
	}
}
