package interop

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"pairmq/tools/interop/wire"
)

// startRelay stands between clients and a server, and returns where they find it. Frames pass as
// they are, both ways, unless change says that it has made another one of it; it is shown those
// of several connections at once. The relay ends with the test.
func startRelay(t *testing.T, to string, change func(*wire.Command) (changed bool)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{to: to, change: change, conns: map[net.Conn]bool{}}
	r.all.Go(func() { r.accept(t, l) })
	t.Cleanup(func() {
		l.Close()
		r.end()
		r.all.Wait()
	})
	return l.Addr().String()
}

// A relay passes frames on.
type relay struct {
	to     string
	change func(*wire.Command) bool
	all    sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // of both sides; nil: the relay has ended
}

func (r *relay) accept(t *testing.T, l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.to)
		if err != nil { // as the client would see it
			client.Close()
			continue
		}
		r.all.Go(func() { r.pass(t, server, client) })
		r.all.Go(func() { r.pass(t, client, server) })
	}
}

// pass passes on what from sends until either connection ends, and then ends both.
func (r *relay) pass(t *testing.T, to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	if !r.add(from) {
		return
	}
	defer r.remove(from)
	in := bufio.NewReader(from)
	for {
		frame, err := r.next(in)
		if errors.Is(err, wire.ErrFrame) {
			t.Errorf("relay to %s: %v", r.to, err)
		}
		if err != nil {
			return
		}
		if _, err := to.Write(frame); err != nil {
			return
		}
	}
}

// next reads a frame and returns what is to be passed on.
func (r *relay) next(in io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > wire.MaxFrame {
		return nil, fmt.Errorf("%w: length %d", wire.ErrFrame, n)
	}
	frame := append(length[:], make([]byte, n)...)
	if _, err := io.ReadFull(in, frame[len(length):]); err != nil {
		return nil, err
	}
	c, err := wire.Read(bytes.NewReader(frame))
	if err != nil || !r.change(c) {
		return frame, err
	}
	return c.Frame()
}

func (r *relay) add(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		return false
	}
	r.conns[c] = true
	return true
}

func (r *relay) remove(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

func (r *relay) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
	r.conns = nil
}
