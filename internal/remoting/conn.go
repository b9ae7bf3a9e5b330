package remoting

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrClosed is wrapped by what fails because a Conn, Client or Server was
	// closed, by whichever side.
	ErrClosed = errors.New("remoting: closed")
	// ErrBusy is wrapped where a bound of Limits was reached: nothing was sent.
	ErrBusy = errors.New("remoting: a limit is reached")
	// ErrTimeout is wrapped where no answer came in time. Whether the request
	// was served is not known.
	ErrTimeout = errors.New("remoting: timed out")
)

// The reasons for which this side ends a connection.
var (
	errIdle     = errors.New("idle")
	errFrame    = errors.New("remoting: frame took too long to arrive")
	errStalled  = errors.New("remoting: peer stalled while memory is short")
	errNotRead  = errors.New("remoting: peer does not read")
	errPanicked = errors.New("remoting: handler panicked")
	errDraining = errors.New("draining")
	errStuck    = errors.New("remoting: replies are missing")
)

// A Conn is a connection, on either side. Both sides may send requests on it.
// All its methods are safe for concurrent use.
type Conn struct {
	shared *shared
	nc     net.Conn      // to close, and for deadlines
	stream io.ReadWriter // what frames go over: nc, or TLS over it; the reading goroutine may set it before the first frame
	born   time.Time
	remote netip.AddrPort
	local  netip.AddrPort
	done   chan struct{}
	in     inbound // the reading goroutine's own
	flow   flow    // what others may see of it
	calls  calls
	from   *source // nil: it is not counted where it comes from

	draining atomic.Bool  // no more requests are served
	wroteAt  atomic.Int64 // when the last write began, in ns since born
	writeBy  atomic.Int64 // write deadline, in ns since born
	batchAt  atomic.Int64 // when what is being written began to be, in ns since born

	mu       sync.Mutex // guards the rest
	changed  sync.Cond  // something below did
	waiting  int        // for changed
	gone     error      // why the connection has ended
	pending  *batch     // what the flusher takes next
	flushing bool       // a flusher is running
	queued   int64      // bytes in pending and being written
	inFlight int        // requests that wait for their reply
	held     int64      // bytes these count for
	reserved int64      // those of held that are for replies
}

func newConn(s *shared, nc net.Conn, stream io.ReadWriter) *Conn {
	c := &Conn{shared: s, nc: nc, stream: stream, born: time.Now(), done: make(chan struct{})}
	c.remote, c.local = addrPort(nc.RemoteAddr()), addrPort(nc.LocalAddr())
	c.changed.L = &c.mu
	c.calls.conn = c
	return c
}

// RemoteAddr returns the peer's address; IPv4 as such, even on an IPv6 socket.
// It is the zero AddrPort where the connection is not of the internet.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr returns this side's address; see RemoteAddr.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Done returns a channel that is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Limits returns the limits of the Server or Client that c belongs to, with
// the defaults filled in.
func (c *Conn) Limits() Limits { return c.shared.limits }

// Queued returns how many bytes wait to be written to the peer.
func (c *Conn) Queued() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

// Close ends the connection at once: what waits to be written is dropped and
// calls that wait for an answer fail with ErrClosed. A peer over TLS is not told first:
// to tell it could block, and frames say themselves whether they are whole. It always
// returns nil.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	return nil
}

// fail ends the connection for the first cause it is given.
func (c *Conn) fail(cause error) {
	c.mu.Lock()
	first := c.gone == nil
	if first {
		c.gone = cause
		close(c.done)
		c.changed.Broadcast()
	}
	c.mu.Unlock()
	if first {
		_ = c.nc.Close() // it is over either way
	}
}

// cause returns an ErrClosed that says why the connection has ended.
func (c *Conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended()
}

// ended is cause with c.mu held; nil while the connection lives.
func (c *Conn) ended() error {
	if c.gone == nil || errors.Is(c.gone, ErrClosed) {
		return c.gone
	}
	return fmt.Errorf("%w: %w", ErrClosed, c.gone)
}

// wait waits for changed, with c.mu held.
func (c *Conn) wait() {
	c.waiting++
	c.changed.Wait()
	c.waiting--
}

// changes wakes those who wait, with c.mu held.
func (c *Conn) changes() {
	if c.waiting > 0 {
		c.changed.Broadcast()
	}
}

// run serves the connection until it ends.
func (c *Conn) run() {
	err := c.read()
	if errors.Is(err, errDraining) {
		err = c.drain()
	}
	c.fail(err)
	c.settle()
	c.calls.close(c.cause())
	c.shared.remove(c)
}

// drain waits until all requests have their reply, all replies are written and the peer
// hangs up. If others wait for that, a peer that is slow is cut off.
func (c *Conn) drain() error {
	c.await(func() bool { return c.inFlight > 0 })
	by := lingerTime
	if patience := time.Duration(c.shared.patience.Load()); patience > 0 {
		enough := time.AfterFunc(patience, func() { c.fail(fmt.Errorf("%w its last replies and hang up within %v", errNotRead, patience)) })
		defer enough.Stop()
		by = min(by, patience)
	}
	c.await(func() bool { return c.pending != nil || c.flushing })
	c.linger(by)
	return ErrClosed
}

// await waits until something is no more, or the connection has ended.
func (c *Conn) await(still func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.gone == nil && still() {
		c.wait()
	}
}

// lingerTime is how long a connection that was drained waits for its peer.
const lingerTime = time.Second

// linger tells the peer that nothing more comes, and waits for it to hang up, for at most d:
// to close while it still sends would reset the connection, and with that lose
// replies it has not read yet.
func (c *Conn) linger(d time.Duration) {
	by := time.Now().Add(d)
	c.writeBy.Store(math.MaxInt64) // nothing moves it on any more
	if t, ok := c.stream.(*tls.Conn); ok && (c.nc.SetWriteDeadline(by) != nil || t.CloseWrite() != nil) {
		return
	}
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.nc.SetReadDeadline(by) != nil {
		return
	}
	for {
		if _, err := c.nc.Read(c.in.buf.b); err != nil {
			return
		}
	}
}

// startDrain makes run stop reading and end once all replies are written.
func (c *Conn) startDrain() {
	c.draining.Store(true)
	_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // fails only if it is closed
	c.mu.Lock()
	c.changes()
	c.mu.Unlock()
}

// settle waits for the flusher of a connection that has ended and gives back
// all it held.
func (c *Conn) settle() {
	c.mu.Lock()
	for c.flushing {
		c.wait()
	}
	b := c.pending
	c.pending = nil
	held, replies := c.held+c.queued, c.reserved+c.queued
	c.held, c.reserved, c.queued = 0, 0, 0
	c.mu.Unlock()
	if b != nil {
		b.drop()
		c.shared.batches.put(b)
	}
	c.shared.budget.give(held)
	c.ceded(replies)
	c.closeInbound()
}

// addrPort returns a as an AddrPort, IPv4 unmapped.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := tcp.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}
