package remoting

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

func BenchmarkDecodeSendV2JSON(b *testing.B)   { benchDecode(b, "v4-send-v2-request") }
func BenchmarkDecodeSendV2Binary(b *testing.B) { benchDecode(b, "v4-send-v2-request-binary") }

func benchDecode(b *testing.B, name string) {
	frame := readFrame(b, name)
	lim := Limits{}.withDefaults()
	var p headerParser // as a connection has it
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		size, err := parseFrameSize(frame, &lim)
		if err != nil {
			b.Fatal(err)
		}
		var c Command
		if err := decodeFrame(&c, frame, size, lim.Fields, &p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendResponse(b *testing.B) {
	for name, form := range map[string]SerializeType{"JSON": JSON, "Binary": Binary} {
		b.Run(name, func(b *testing.B) {
			c := decodeGolden(b, "v4-send-v2-response")
			c.Serialize = form
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendCommand(dst[:0], &c)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}

// BenchmarkEchoPipelined sends a captured send request over loopback, so many
// of them in flight; the server replies to each as a broker does.
func BenchmarkEchoPipelined(b *testing.B) {
	for _, inFlight := range []int{1, 64, 256} {
		b.Run(fmt.Sprint(inFlight), func(b *testing.B) { benchEcho(b, inFlight) })
	}
}

func benchEcho(b *testing.B, inFlight int) {
	reply := &Response{Fields: decodeGolden(b, "v4-send-v2-response").Fields}
	addr := startServer(b, ServerOptions{Handler: HandlerFunc(func(req *Request) { req.Reply(reply) })})
	cl := NewClient(ClientOptions{})
	defer cl.Close()
	c, err := cl.Conn(b.Context(), addr)
	if err != nil {
		b.Fatal(err)
	}
	req := decodeGolden(b, "v4-send-v2-request")
	free := make(chan struct{}, inFlight)
	var all sync.WaitGroup
	done := func(_ *Command, err error) {
		if err != nil {
			b.Error(err)
		}
		<-free
		all.Done()
	}
	b.ReportAllocs()
	for b.Loop() {
		free <- struct{}{}
		all.Add(1)
		c.Go(&req, time.Minute, done)
	}
	all.Wait()
}

// startServer serves on a loopback port until the test ends; it returns the
// address.
func startServer(tb testing.TB, opts ServerOptions) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	srv := NewServer(opts)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(tb.Context(), ln) }()
	tb.Cleanup(func() {
		_ = srv.Shutdown(tb.Context()) // it has ended: at once
		if err := <-served; err != nil {
			tb.Errorf("Serve: %v, want nil", err)
		}
	})
	return ln.Addr().String()
}
