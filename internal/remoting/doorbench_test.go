package remoting

import (
	"crypto/tls"
	"net"
	"runtime"
	"testing"
	"time"
)

// BenchmarkConnMemory says what a connection that is idle costs, in bytes of heap and
// stacks: one of plain TCP the server, and what TLS costs either side besides, after a
// small request and after one of 64 KiB. Both ends are in this process, and over plain TCP
// the client's is next to nothing.
func BenchmarkConnMemory(b *testing.B) {
	for name, size := range map[string]int{"small": 0, "64KiB": 64 << 10} {
		b.Run(name, func(b *testing.B) {
			addr := startServer(b, TLSPermissive.options(serverTLS(b)))
			for range b.N {
				plain := connMemory(b, addr, size, false)
				b.ReportMetric(plain, "plain-bytes")
				b.ReportMetric((connMemory(b, addr, size, true)-plain)/2, "tls-bytes")
			}
		})
	}
}

// connMemory is what both sides of a connection keep.
func connMemory(b *testing.B, addr string, size int, secure bool) float64 {
	const conns = 200
	frame := AppendCommand(nil, &Command{Body: make([]byte, size)})
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before, all := used(), make([]net.Conn, conns)
	defer time.Sleep(2 * calmTime) // until the server has closed them, too
	for i := range all {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		defer nc.Close()
		all[i] = nc
		if secure {
			all[i] = tls.Client(nc, anyServer(""))
		}
		if _, err := all[i].Write(frame); err != nil {
			b.Fatal(err)
		}
		got := make([]byte, 1<<10)
		for n := 0; n < size+20; {
			k, err := all[i].Read(got)
			if err != nil {
				b.Fatal(err)
			}
			n += k
		}
	}
	time.Sleep(2 * calmTime) // until the server has given back what a busy connection reads into
	return float64(used()-before) / conns
}

// BenchmarkHandshake is a connection over loopback from the dial to the first answer, both
// sides.
func BenchmarkHandshake(b *testing.B) {
	for name, how := range map[string]func(string) *tls.Config{"plain": nil, "tls": anyServer} {
		b.Run(name, func(b *testing.B) {
			addr := startServer(b, TLSPermissive.options(serverTLS(b)))
			b.ReportAllocs()
			for b.Loop() {
				cl := NewClient(ClientOptions{TLS: how})
				if _, err := cl.Call(b.Context(), addr, &Command{}); err != nil {
					b.Fatal(err)
				}
				_ = cl.Close()
			}
		})
	}
}

// BenchmarkLentBody is an answer of 256 KiB, lent as messages from the log are.
func BenchmarkLentBody(b *testing.B) {
	for name, how := range map[string]func(string) *tls.Config{"plain": nil, "tls": anyServer} {
		b.Run(name, func(b *testing.B) {
			body := make([]byte, 256<<10)
			o := TLSPermissive.options(serverTLS(b))
			o.Handler = HandlerFunc(func(req *Request) { req.Reply(&Response{Body: body, Release: func() {}}) })
			cl := NewClient(ClientOptions{TLS: how})
			addr := startServer(b, o)
			defer cl.Close()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := cl.Call(b.Context(), addr, &Command{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
