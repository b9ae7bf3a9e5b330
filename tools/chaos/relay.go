package main

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// A weather is what a relay does to what it carries. The zero weather does nothing.
type weather struct {
	delay   time.Duration // of every byte
	rate    int           // bytes a second in each direction; 0: all
	cut     int           // each connection breaks after so many of the master's bytes; 0: none does
	lose    int           // of the master's next bytes, so many are lost in the middle
	swallow bool          // connections are half open: they take everything and carry nothing, until somebody hangs up
	twice   bool          // each connection reaches the master twice; of the second one's answers nothing is heard
}

// A relay carries connections to the HA port of a broker.
type relay struct {
	ln   net.Listener
	to   string // host:port
	work sync.WaitGroup

	mu    sync.Mutex
	now   weather
	conns map[net.Conn]struct{}
	over  bool
}

// haPort is the brokers' haListenPort, and the port of their relays.
const haPort = 10912

// newRelay returns a relay that carries what ln accepts to an address, until close.
func newRelay(ln net.Listener, to string) *relay {
	r := &relay{ln: ln, to: to, conns: map[net.Conn]struct{}{}}
	r.work.Go(r.accept)
	return r
}

// set changes the weather. Connections of before end if it is one that new
// ones have to be made in.
func (r *relay) set(w weather) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = w
	if w.twice {
		for c := range r.conns {
			c.Close()
		}
	}
}

func (r *relay) weather() weather {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// lost takes note of bytes that are lost now, of n at hand, and returns their number.
func (r *relay) lost(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(n, r.now.lose)
	r.now.lose -= n
	return n
}

func (r *relay) close() {
	r.ln.Close()
	r.mu.Lock()
	r.over = true
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}

// keep takes note of a connection, so that close ends it.
func (r *relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		c.Close()
		return false
	}
	r.conns[c] = struct{}{}
	return true
}

func (r *relay) drop(cs ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range cs {
		c.Close()
		delete(r.conns, c)
	}
}

func (r *relay) accept() {
	for {
		c, err := r.ln.Accept()
		if err != nil {
			return
		}
		if r.keep(c) {
			r.work.Go(func() { r.carry(c) })
		}
	}
}

// dial connects to the broker from the relay's own address: nothing between
// them is ever cut, the link is on the other side.
func (r *relay) dial() (net.Conn, error) {
	local := r.ln.Addr().(*net.TCPAddr)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: local.IP}, Timeout: time.Second}
	c, err := d.DialContext(context.Background(), "tcp4", r.to)
	if err == nil && !r.keep(c) {
		err = net.ErrClosed
	}
	return c, err
}

// carry carries one connection of a slave until either side hangs up.
func (r *relay) carry(slave net.Conn) {
	defer r.drop(slave)
	w := r.weather()
	if w.swallow {
		io.Copy(io.Discard, slave)
		return
	}
	master, err := r.dial()
	if err != nil {
		return
	}
	defer r.drop(master)
	up := []io.Writer{master}
	if w.twice {
		if second, err := r.dial(); err == nil {
			defer r.drop(second)
			up = append(up, second)
			r.work.Go(func() { io.Copy(io.Discard, second) })
		}
	}
	var both sync.WaitGroup
	both.Go(func() { r.pump(slave, io.MultiWriter(up...), false, slave, master) })
	both.Go(func() { r.pump(master, slave, true, slave, master) })
	both.Wait()
}

// A piece is some bytes and when they are due.
type piece struct {
	b   []byte
	due time.Time
}

// pump carries one direction, and ends both when that ends.
func (r *relay) pump(from io.Reader, to io.Writer, fromMaster bool, ends ...net.Conn) {
	queue := make(chan piece, 64)
	var writer sync.WaitGroup
	writer.Go(func() {
		dead := false
		for p := range queue {
			time.Sleep(time.Until(p.due))
			if w := r.weather(); w.rate > 0 {
				time.Sleep(time.Duration(len(p.b)) * time.Second / time.Duration(w.rate))
			}
			if dead {
				continue
			}
			if _, err := to.Write(p.b); err != nil {
				dead = true
				r.drop(ends...)
			}
		}
	})
	carried, half := 0, false
	for {
		b := make([]byte, 4<<10)
		n, err := from.Read(b)
		b = b[:n]
		w := r.weather()
		if half = half || w.swallow; half {
			b = nil // for good: no stream goes on behind a hole, as far as TCP can help it
		}
		broken := false
		if fromMaster && len(b) > 0 {
			if n := r.lost(len(b) / 2); n > 0 {
				b = append(b[:len(b)/4], b[len(b)/4+n:]...)
			}
			if carried += len(b); w.cut > 0 && carried >= w.cut {
				b, broken = b[:max(0, len(b)-(carried-w.cut))], true
			}
		}
		if len(b) > 0 {
			queue <- piece{b, time.Now().Add(w.delay)}
		}
		if err != nil || broken {
			break
		}
	}
	close(queue)
	writer.Wait()
	if half {
		// Whoever still waits on the other side is told nothing.
		for _, c := range ends {
			io.Copy(io.Discard, c)
		}
	}
	r.drop(ends...)
}
