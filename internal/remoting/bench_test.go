package remoting

import (
	"encoding/binary"
	"fmt"
	"io"
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

// BenchmarkStrangers has 16 connections of one other host ask for so many bytes at a time,
// and read them.
func BenchmarkStrangers(b *testing.B) {
	for _, size := range []int{100, 200 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { benchStrangers(b, size) })
	}
}

func benchStrangers(b *testing.B, size int) {
	body := make([]byte, size)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := NewServer(ServerOptions{Limits: Limits{BytesInFlight: 12 << 20}, Handler: HandlerFunc(func(req *Request) {
		if err := req.Reserve(size); err != nil {
			b.Error(err)
		}
		req.Reply(&Response{Body: body, Release: func() {}})
	})})
	var all, served sync.WaitGroup
	served.Go(func() {
		if err := srv.Serve(b.Context(), strange{ln}); err != nil {
			b.Error(err)
		}
	})
	frame, turns := AppendCommand(nil, &Command{}), make(chan struct{})
	for range 16 {
		nc, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer nc.Close()
		all.Go(func() {
			got := make([]byte, 256<<10)
			for range turns {
				_, err := nc.Write(frame)
				if err == nil {
					_, err = io.ReadFull(nc, got[:4])
				}
				if err == nil {
					_, err = io.ReadFull(nc, got[:binary.BigEndian.Uint32(got)])
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		turns <- struct{}{}
	}
	close(turns)
	all.Wait()
	_ = srv.Shutdown(b.Context())
	served.Wait()
}

// A strange listener has all connections come from one other host.
type strange struct{ net.Listener }

func (l strange) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return addrConn{nc, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}}, nil
}
