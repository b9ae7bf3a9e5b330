package remoting

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/warner"
)

func TestBadFramesCloseTheConnection(t *testing.T) {
	tests := []struct{ name, wire, reason string }{
		{"2 GiB", "\x7f\xff\xff\xff", "length 2147483647"},
		{"header beyond the frame", "\x00\x00\x00\x06\x00\x00\x00\x03", "header length 3"},
		{"header not JSON", "\x00\x00\x00\x06\x00\x00\x00\x02??", "JSON has"},
		{"header not binary", "\x00\x00\x00\x06\x01\x00\x00\x02??", "binary, 2 bytes"},
		{"TLS", "\x16\x03\x01\x02", "TLS"},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", "length 1195725856"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, ServerOptions{Handler: HandlerFunc(echo)})
				for range 3 {
					nc := r.ln.connect(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4711})
					p := &peer{t, nc}
					p.write([]byte(tt.wire))
					p.expectClosed()
				}
				r.log.expect(t, 1, "level=WARN", "connection dropped", "192.0.2.7:4711", tt.reason)
				time.Sleep(warner.DefaultEvery)
				p := r.dial()
				p.write([]byte(tt.wire))
				p.expectClosed()
				r.log.expect(t, 1, "level=WARN", "connection dropped", "suppressed=2")
			})
		})
	}
}

func TestDefaultLimits(t *testing.T) {
	c := newConn(newShared(Limits{Frame: 1 << 30, InFlight: 7}, nil, nil, nil, nil), new(net.TCPConn), nil)
	got := c.Limits()
	want := Limits{
		Frame: 16 << 20, Header: 256 << 10, Fields: 256,
		Conns: 1024, ConnsPerAddr: 256, InFlight: 7, QueuedBytes: 4 << 20, BytesInFlight: 32 << 20,
		Idle: 120 * time.Second, FrameTime: 30 * time.Second, FirstFrameTime: 5 * time.Second,
		WriteTime: 10 * time.Second, CallTime: 3 * time.Second,
	}
	if got != want {
		t.Errorf("limits are %+v, want %+v", got, want)
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo)})
		p, start := r.dial(), time.Now()
		p.expectClosed()
		if got := time.Since(start); got != 120*time.Second {
			t.Errorf("a silent connection lived for %v, want 120 s", got)
		}
		r.log.expect(t, 0, "")

		p, start = r.dial(), time.Now()
		for range 3 {
			time.Sleep(119 * time.Second)
			p.send(Command{Opaque: 1})
			p.expect(1, RespSuccess)
		}
		p.expectClosed()
		if got := time.Since(start); got != (3*119+120)*time.Second {
			t.Errorf("it lived for %v, want 120 s from the last request", got)
		}
	})
}

func TestWritingKeepsAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var conn *Conn
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) { conn = req.Conn(); echo(req) })})
		p, start := r.dial(), time.Now()
		p.send(Command{})
		p.expect(0, RespSuccess)
		for range 3 {
			time.Sleep(100 * time.Second)
			if err := conn.Oneway(&Command{Code: ReqNotifyConsumerIdsChanged}); err != nil {
				t.Fatal(err)
			}
			if c, err := p.read(); err != nil || !c.IsOneway() {
				t.Fatalf("read %+v, %v, want what was pushed", c, err)
			}
		}
		p.expectClosed()
		if got := time.Since(start); got != 420*time.Second {
			t.Errorf("it lived for %v, want 120 s from the last push", got)
		}
	})
}

// A peer that sends half a frame and waits is dropped, and delays nobody.
func TestFramesMustBeCompleteInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo)})
		frame := AppendCommand(nil, &Command{Opaque: 1, Body: make([]byte, 9000)})
		first, later, other := r.dial(), r.dial(), r.dial()
		later.send(Command{})
		later.expect(0, RespSuccess)
		start := time.Now()
		first.write(frame[:5000])
		later.write(frame[:5000])
		for range 4 {
			other.send(Command{Opaque: 3})
			other.expect(3, RespSuccess)
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("others were held up for %v", got)
		}
		first.expectClosed()
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("half a first frame was kept for %v, want 5 s", got)
		}
		later.expectClosed()
		if got := time.Since(start); got != 30*time.Second {
			t.Errorf("half a frame was kept for %v, want 30 s", got)
		}
		r.log.expect(t, 2, "level=WARN", "took too long")
	})
}

// Bytes that trickle in do not prolong it.
func TestTrickleIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo)})
		p, start := r.dial(), time.Now()
		p.send(Command{})
		p.expect(0, RespSuccess)
		for _, b := range AppendCommand(nil, &Command{}) {
			if _, err := p.nc.Write([]byte{b}); err != nil {
				break
			}
			time.Sleep(900 * time.Millisecond)
		}
		if got := time.Since(start); got != 34*900*time.Millisecond { // the first write after 30 s fails
			t.Errorf("it went on for %v, want 30 s", got)
		}
	})
}

func TestConnectionLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo), Limits: Limits{Conns: 3, ConnsPerAddr: 2}})
		from := func(last byte) *peer {
			return &peer{t, r.ln.connect(&net.TCPAddr{IP: net.IPv4(192, 0, 2, last), Port: 1000})}
		}
		a, b := from(1), from(1)
		from(1).expectClosed()
		r.log.expect(t, 1, "level=WARN", "connection refused", "of one address")
		c := from(2)
		time.Sleep(warner.DefaultEvery)
		from(3).expectClosed()
		r.log.expect(t, 1, "level=WARN", "connection refused", "3 connections")
		for _, p := range []*peer{a, b, c} {
			p.send(Command{Opaque: 1})
			p.expect(1, RespSuccess)
			_ = p.nc.Close()
		}
		synctest.Wait()
		d := from(1)
		d.send(Command{Opaque: 2})
		d.expect(2, RespSuccess)
	})
}

func TestRequestsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held []*Request
		r := newRig(t, ServerOptions{Limits: Limits{InFlight: 2}, Handler: HandlerFunc(func(req *Request) { held = append(held, req) })})
		p := r.dial()
		go func() {
			for i := range int32(4) {
				p.send(Command{Opaque: i})
			}
		}()
		for i := range 3 {
			synctest.Wait()
			if len(held) != i+2 {
				t.Fatalf("%d requests were served after %d replies, want 2 in flight", len(held), i)
			}
			if i < 2 { // the last two stay without
				held[i].ReplyError(RespSuccess, "")
				p.expect(int32(i), RespSuccess)
			}
		}
	})
}

// A handler that forgets to reply does not keep a connection for ever.
func TestRequestsWithoutReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Limits: Limits{InFlight: 1}, Handler: HandlerFunc(func(*Request) {})})
		p, start := r.dial(), time.Now()
		p.send(Command{Opaque: 1})
		p.send(Command{Opaque: 2})
		p.expectClosed()
		if got := time.Since(start); got != 120*time.Second {
			t.Errorf("it was closed after %v, want 120 s", got)
		}
		r.log.expect(t, 1, "replies are missing")
	})
}
