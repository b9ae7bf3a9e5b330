package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A backend is what a relay carries to: it sends each connection the same
// bytes, and keeps what it was sent.
type backend struct {
	ln   net.Listener
	say  []byte
	work sync.WaitGroup
	mu   sync.Mutex
	got  [][]byte
}

func newBackend(t *testing.T, say []byte) *backend {
	t.Helper()
	b := &backend{ln: listen(t), say: say}
	b.work.Go(func() {
		for {
			c, err := b.ln.Accept()
			if err != nil {
				return
			}
			b.work.Go(func() {
				defer c.Close()
				c.Write(b.say)
				all, _ := io.ReadAll(c)
				b.mu.Lock()
				defer b.mu.Unlock()
				b.got = append(b.got, all)
			})
		}
	})
	return b
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// TestRelay: each weather does to a connection what it says, and nothing else.
func TestRelay(t *testing.T) {
	say := bytes.Repeat([]byte("0123456789"), 3000)
	for _, tt := range []struct {
		name    string
		weather weather
		hears   int // bytes of say that arrive at the slave's side
		conns   int // at the master
	}{
		{"fair", weather{}, len(say), 1},
		{"delay", weather{delay: 20 * time.Millisecond}, len(say), 1},
		{"throttle", weather{rate: 1 << 20}, len(say), 1},
		{"break", weather{cut: 12_345}, 12_345, 1},
		{"lose", weather{lose: 777}, len(say) - 777, 1},
		{"half-open", weather{swallow: true}, 0, 0},
		{"double", weather{twice: true}, len(say), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBackend(t, say)
			r := newRelay(listen(t), b.ln.Addr().String())
			r.set(tt.weather)
			c, err := net.Dial("tcp4", r.ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			heard := make([]byte, tt.hears)
			if _, err := io.ReadFull(c, heard); err != nil {
				t.Errorf("the slave's side: %v", err)
			}
			if want := tt.weather.delay; time.Since(begin) < want {
				t.Errorf("it took %v, want %v at least", time.Since(begin), want)
			}
			if tt.weather.cut > 0 {
				if n, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("behind the break: %d bytes, %v", n, err)
				}
			}
			if tt.weather.lose == 0 && !bytes.Equal(heard, say[:tt.hears]) {
				t.Error("the slave's side heard something else")
			}
			if tt.weather.swallow {
				c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				if n, err := c.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
					t.Errorf("the slave's side heard %d bytes, %v", n, err)
				}
			}
			c.Write([]byte("report"))
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
			c.Close()
			r.close()
			b.ln.Close()
			b.work.Wait()
			if len(b.got) != tt.conns {
				t.Errorf("the master had %d connections, want %d", len(b.got), tt.conns)
			}
			for _, got := range b.got {
				if tt.weather.cut == 0 && string(got) != "report" {
					t.Errorf("the master heard %q", got)
				}
			}
		})
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
