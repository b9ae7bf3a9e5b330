package replica

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/replica/proof"
)

// errReport says that a slave reported what cannot be true.
var errReport = errors.New("replica: a report that cannot be true")

// leastTransfer is the least that is sent at once where the rate is limited, in bytes.
const leastTransfer = 512

// errBehind says that a slave needs what its master has given back already.
var errBehind = errors.New("replica: the slave is behind the log's start")

// A masterConn is the master's end of one slave's connection.
type masterConn struct {
	m      *Master
	nc     net.Conn
	remote netip.AddrPort
	addr   netip.Addr // by which connections of one slave are known
	local  netip.Addr
	since  time.Time

	grown    chan struct{} // there may be more to send
	begin    chan int64    // the first report
	reported atomic.Bool
	sent     atomic.Int64 // end of what was sent, or of what the slave had before
	acked    atomic.Int64 // what it reported after that
	speed    speed        // of what was sent
	leveled  atomic.Int64 // when it last had all there was, in ns since since

	early  []byte // what was read of the connection before it was a slave's; the reader's own
	proven bool   // that it is one of ours

	link note // by which the slave is reached
	held note // why it is not sent what it lacks

	last    int64    // report; the reader's own
	shipper *shipper // the sender's own; nil where every transfer goes through a buffer
	ours    bool     // the sender's own: the slave takes longer transfers
	closing sync.Once
	cause   error // why it was closed, after gone
	gone    chan struct{}
}

func newMasterConn(m *Master, nc net.Conn) *masterConn {
	c := &masterConn{m: m, nc: nc, since: time.Now(), grown: make(chan struct{}, 1), begin: make(chan int64, 1), gone: make(chan struct{})}
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		p := tcp.AddrPort()
		c.remote = netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	c.local, c.addr = ends(nc)
	return c
}

// sealed says whether the connection is under TLS.
func (c *masterConn) sealed() bool {
	_, yes := c.nc.(*proof.Conn)
	return yes
}

// ends are the addresses of a connection, zero where it is none of TCP.
func ends(nc net.Conn) (local, remote netip.Addr) {
	of := func(a net.Addr) netip.Addr {
		if tcp, ok := a.(*net.TCPAddr); ok {
			return tcp.AddrPort().Addr().Unmap()
		}
		return netip.Addr{}
	}
	return of(nc.LocalAddr()), of(nc.RemoteAddr())
}

// level is when the slave last had all there was, which is up to end now.
func (c *masterConn) level(end int64) time.Time {
	switch at := c.leveled.Load(); {
	case c.acked.Load() >= end && end > 0:
		return time.Now()
	case at > 0:
		return c.since.Add(time.Duration(at))
	}
	return time.Time{}
}

// close ends the connection for the first cause it is given.
func (c *masterConn) close(cause error) {
	c.closing.Do(func() {
		c.cause = cause
		close(c.gone)
		_ = c.nc.Close() // it is over either way
	})
}

// serve serves the slave until the connection ends.
func (c *masterConn) serve(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { c.close(net.ErrClosed) })
	defer stop()
	var sender sync.WaitGroup
	sender.Go(func() { c.close(c.send()) })
	c.close(c.readReports())
	sender.Wait()
	c.m.opts.Acks.leave(c)
	c.m.remove(c)
	if c.held.get() != "" {
		c.m.holds()
	}
	if c.ours {
		c.m.kin.note(c.addr) // the ten minutes begin anew
	}
	c.farewell()
}

// farewell logs why the connection ended: for a slave always, for others
// not too often.
func (c *masterConn) farewell() {
	switch {
	case errors.Is(c.cause, net.ErrClosed):
	case errors.Is(c.cause, errReport), errors.Is(c.cause, errBehind), !c.reported.Load():
		c.m.faults.Log("a connection to the replication port was closed", "remote", c.remote, "err", c.cause)
	default:
		c.m.left.Log("slave left", "remote", c.remote, "acked", c.acked.Load(), "sent", c.sent.Load(), "err", c.cause)
	}
}

// readReports hears the slave until the connection ends, and says why.
func (c *masterConn) readReports() error {
	var r reports
	buf := make([]byte, 512)
	if end, ok := r.last(c.early); ok {
		if err := c.report(end); err != nil {
			return err
		}
	}
	for {
		if err := c.nc.SetReadDeadline(time.Now().Add(c.m.opts.Silence)); err != nil {
			return err
		}
		n, err := c.nc.Read(buf)
		if end, ok := r.last(buf[:n]); ok {
			if err := c.report(end); err != nil {
				return err
			}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("replica: the slave was silent for %v", c.m.opts.Silence)
		}
		if err != nil {
			return err
		}
	}
}

// report judges one report. The first one may name any offset of the log; those
// after it only what was sent, and never less than before.
func (c *masterConn) report(end int64) error {
	src := c.m.opts.Source
	if !c.reported.Load() {
		switch most := src.Confirmed(); {
		case end > most:
			// A heartbeat that tells a slave of ours where to compare.
			err := c.write(appendHeader(nil, header{offset: most}))
			return errors.Join(fmt.Errorf("%w: the slave is at %d, this log ends at %d", errReport, end, most), err)
		case end < 0:
			return fmt.Errorf("%w: %d", errReport, end)
		case end == 0:
			c.sent.Store(src.Start()) // everything, where the original sends the last segment only
		default:
			c.sent.Store(end)
		}
		c.last = end
		c.reported.Store(true)
		c.m.said.Log("slave joined", "remote", c.remote, "phyOffset", end, "behind", src.Confirmed()-end, "proven", c.proven, "tls", c.sealed())
		c.m.opts.Acks.join(c, end)
		c.begin <- c.sent.Load()
		return nil
	}
	if sent := c.sent.Load(); end < c.last || end > sent {
		return fmt.Errorf("%w: %d after %d, with %d sent", errReport, end, c.last, sent)
	}
	c.last = end
	c.acked.Store(end)
	if end == src.Confirmed() {
		c.leveled.Store(int64(max(1, time.Since(c.since))))
	}
	c.m.opts.Acks.advance(c, end)
	return nil
}

// send sends the log from the first report on until the connection ends, and
// says why.
func (c *masterConn) send() error {
	var next int64
	select {
	case next = <-c.begin:
	case <-c.gone:
		return nil
	}
	src := c.m.opts.Source
	if start := src.Start(); next < start {
		// A heartbeat that tells a slave of ours where the log begins.
		err := c.write(appendHeader(nil, header{offset: start}))
		return errors.Join(fmt.Errorf("%w: it is at %d, the log begins at %d; empty the slave's store, it then copies all there is", errBehind, next, start), err)
	}
	buf := make([]byte, headerSize+c.m.opts.Batch)
	c.shipper = newShipper(src, c.nc)
	defer c.shipper.close()
	c.ours = c.m.kin.has(c.addr)
	most := c.longest()
	beat := time.NewTimer(c.m.opts.Heartbeat)
	defer beat.Stop()
	pace, first := pace{}, next
	way := &route{m: c.m, local: c.local, remote: c.addr}
	for {
		now, lacks := time.Now(), src.Confirmed()-next
		if way.look(now) {
			c.link.set(way.link)
		}
		t := way.terms(now, lacks, c.acked.Load() > first)
		c.hold(t.why)
		pace.rate = slower(c.m.opts.Rate, t.rate)
		n := int(min(int64(most), lacks))
		if t.rate > 0 {
			n = min(n, max(int(t.rate/8), leastTransfer)) // the pause behind it stays short
		}
		if n <= 0 || t.wait {
			select {
			case <-c.gone:
				return nil
			case <-c.grown:
				continue
			case <-beat.C:
				n = 0
			}
		}
		n, err := c.transfer(buf, next, n)
		if err != nil {
			return err
		}
		next += int64(n)
		c.m.traffic.add(way.link, n)
		c.speed.count(time.Now(), n)
		beat.Reset(c.m.opts.Heartbeat)
		if wait := pace.spent(time.Now(), n); wait > 0 {
			select {
			case <-c.gone:
				return nil
			case <-time.After(wait):
			}
		}
	}
}

// hold notes why the slave is not sent what it lacks, "" if it is. Senders do not wait
// for one that is held.
func (c *masterConn) hold(why string) {
	was := c.held.get()
	c.held.set(why)
	if (was == "") == (why == "") {
		return
	}
	c.m.opts.Acks.rest(c, why != "")
	c.m.holds()
	if why != "" {
		c.m.said.Log("a slave that is behind is held", "remote", c.remote, "sent", c.sent.Load(), "because", why)
	} else {
		c.m.said.Log("a slave is held no more", "remote", c.remote, "sent", c.sent.Load())
	}
}

// slower is the lower of two rates, of which 0 is no limit.
func slower(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// A note is a text that others may read while it changes.
type note struct{ v atomic.Pointer[string] }

func (n *note) get() string {
	if p := n.v.Load(); p != nil {
		return *p
	}
	return ""
}

func (n *note) set(text string) {
	if n.get() != text {
		n.v.Store(&text)
	}
}

// longest is how long a transfer may be, in bytes. With a limit on the rate it is
// no more than a part of a second's, so that the pause behind it stays short.
func (c *masterConn) longest() int {
	o := &c.m.opts
	if !c.ours {
		return o.Batch
	}
	most := int64(oursBatch)
	if o.Rate > 0 {
		most = min(most, o.Rate/8)
	}
	return max(int(most), o.Batch)
}

// transfer sends up to n bytes of the log from off on, or a heartbeat if n is 0,
// and returns how many.
func (c *masterConn) transfer(buf []byte, off int64, n int) (int, error) {
	if n > 0 {
		m, err := c.ship(off, n)
		if err != nil {
			return 0, fmt.Errorf("replica: send the log at %d: %w", off, err)
		}
		if m > 0 {
			return m, nil
		}
		if n, err = c.m.opts.Source.ReadRaw(buf[headerSize:min(len(buf), headerSize+n)], off); err != nil {
			return 0, fmt.Errorf("replica: read the log at %d: %w", off, err)
		}
	}
	appendHeader(buf[:0], header{off, n})
	c.sent.Store(off + int64(n)) // before the write: the slave may report while it goes on
	return n, c.write(buf[:headerSize+n])
}

// stallTimes is for how many times Silence a slave that reports may take nothing:
// it reads nothing while its disk stands still.
const stallTimes = 6

// patience sets the time by which the slave must have taken something. It need not
// be short: readReports leaves one that says nothing for Silence.
func (c *masterConn) patience() error {
	return c.nc.SetWriteDeadline(time.Now().Add(stallTimes * c.m.opts.Silence))
}

// write writes b.
func (c *masterConn) write(b []byte) error {
	if err := c.patience(); err != nil {
		return err
	}
	_, err := c.nc.Write(b)
	return err
}
