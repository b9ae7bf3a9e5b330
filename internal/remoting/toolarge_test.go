package remoting

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wanted is what a Server of these tests takes: bodies of code 1 up to 1 MiB, any of code 2
// up to 14 MiB.
func wanted(code int32, body int) *Response {
	if (code == 2 || code == 0) && body <= 14<<20 || body <= 1<<20 {
		return nil
	}
	return &Response{Code: 77, Remark: "too large"}
}

// lookOut reports if a connection takes memory for what it receives.
func lookOut(t *testing.T, r *rig) {
	t.Helper()
	synctest.Wait()
	for _, c := range r.srv.shared.each() {
		if got := len(c.in.buf.b); got > hotBuffer {
			t.Fatalf("the buffer has %d bytes, want at most %d", got, hotBuffer)
		}
		if got := r.srv.shared.budget.used.Load(); got > hotBuffer {
			t.Fatalf("%d bytes are counted as in flight, want at most %d", got, hotBuffer)
		}
	}
}

// A body that nobody wants takes no memory; what comes before and behind it is served.
func TestBodiesThatNobodyWants(t *testing.T) {
	large := make([]byte, 15<<20)
	for _, tt := range []struct {
		name   string
		c      Command
		silent bool
	}{
		{"JSON", Command{Code: 1, Body: large}, false},
		{"ROCKETMQ", Command{Code: 1, Body: large, Serialize: Binary}, false},
		{"a header of 40 KiB", Command{Code: 1, Body: large, Remark: strings.Repeat("x", 40<<10)}, false},
		{"oneway", Command{Code: 1, Body: large, Flag: flagOneway}, true},
		{"an answer that nobody waits for", Command{Code: 2, Body: large, Flag: flagResponse}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var served []int32
				r := newRig(t, ServerOptions{TooLarge: wanted, Handler: HandlerFunc(func(req *Request) {
					served = append(served, req.Opaque)
					echo(req)
				})})
				p := r.dial()
				tt.c.Opaque = 2
				frames := AppendCommand(AppendCommand(nil, &Command{Code: 1, Opaque: 1}), &tt.c)
				frames = AppendCommand(frames, &Command{Code: 1, Opaque: 3, Body: make([]byte, 700<<10)})
				go func() {
					for len(frames) > 0 {
						n := min(50_001, len(frames))
						p.write(frames[:n])
						frames = frames[n:]
						if len(frames) > 1<<20 {
							lookOut(t, r)
						}
					}
				}()
				p.expect(1, RespSuccess)
				if !tt.silent {
					if c := p.expect(2, 77); c.Remark != "too large" || c.Serialize != tt.c.Serialize {
						t.Errorf("answered %v %q", c.Serialize, c.Remark)
					}
				}
				if c := p.expect(3, RespSuccess); len(c.Body) != 700<<10 {
					t.Errorf("the next body came with %d bytes", len(c.Body))
				}
				if want := []int32{1, 3}; !slices.Equal(served, want) {
					t.Errorf("served %d, want %d", served, want)
				}
			})
		})
	}
}

// However many send what nobody wants, it is read past at a pace that leaves time for others,
// who are not held up.
func TestUnwantedBodiesComeAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const conns, body = 8, 15 << 20
		r := newRig(t, ServerOptions{TooLarge: wanted, Handler: HandlerFunc(echo)})
		start := time.Now()
		var all sync.WaitGroup
		for range conns {
			p := r.dial()
			all.Go(func() {
				p.send(Command{Code: 1, Body: make([]byte, body)})
				p.expect(0, 77)
			})
		}
		other := r.dial()
		for range 100 {
			other.send(Command{Code: 1, Opaque: 1})
			other.expect(1, RespSuccess)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("another connection was held up for %v", took)
		}
		all.Wait()
		if took, want := time.Since(start), time.Second*conns*body/passRate; took < want*9/10 || took > want*11/10 {
			t.Errorf("%d MiB were read past in %v, want %v", conns*body>>20, took, want)
		}
	})
}

// A header that is too long to be looked at before is none to hide a body behind.
func TestUnwantedBodiesBehindLongHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{TooLarge: wanted, Handler: HandlerFunc(echo)})
		long := strings.Repeat("x", 100<<10)
		for _, body := range []int{14 << 20, 14<<20 + 1} {
			p := r.dial()
			frame := AppendCommand(nil, &Command{Code: 1, Remark: long, Body: make([]byte, body)})
			go func() { _, _ = p.nc.Write(frame) }()
			if body > 14<<20 {
				p.expectClosed()
				lookOut(t, r)
			} else {
				p.expect(0, RespSuccess)
				_ = p.nc.Close()
			}
		}
		r.log.expect(t, 1, "level=WARN", "behind a header of 102")
	})
}

// What is wanted comes whole, however large: bodies, and answers that somebody waits for.
func TestLargeBodiesThatAreWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := []byte(strings.Repeat("0123456789", 300<<10))
		var server *Conn
		r := newRig(t, ServerOptions{TooLarge: wanted, Handler: HandlerFunc(func(req *Request) { server = req.Conn(); echo(req) })})
		answer := HandlerFunc(func(req *Request) { req.Reply(&Response{Body: body}) })
		c := r.conn(ClientOptions{Handler: answer})
		for _, code := range []int32{1, 2} {
			resp, err := c.Call(t.Context(), &Command{Code: code, Body: body})
			if want := map[int32]int32{1: 77, 2: RespSuccess}[code]; err != nil || resp.Code != want || code == 2 && string(resp.Body) != string(body) {
				t.Fatalf("code %d: %v, %v", code, resp, err)
			}
		}
		resp, err := server.Call(t.Context(), &Command{Code: 1})
		if err != nil || string(resp.Body) != string(body) {
			t.Errorf("an answer of %d bytes came as %v, %v", len(body), resp, err)
		}
	})
}

// A body that nobody wants must come in the time that one has that is wanted.
func TestUnwantedBodiesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{TooLarge: wanted, Handler: HandlerFunc(echo)})
		frame := AppendCommand(nil, &Command{Code: 1, Body: make([]byte, 2<<20)})
		first, later := r.dial(), r.dial()
		later.send(Command{})
		later.expect(0, RespSuccess)
		for _, tt := range []struct {
			p    *peer
			most time.Duration
		}{{first, 5 * time.Second}, {later, 30 * time.Second}} {
			start := time.Now()
			tt.p.write(frame[:200<<10])
			for i := 200 << 10; ; i++ {
				time.Sleep(900 * time.Millisecond)
				if _, err := tt.p.nc.Write(frame[i : i+1]); err != nil {
					break
				}
			}
			if took := time.Since(start); took < tt.most || took > tt.most+time.Second {
				t.Errorf("a body in drips was suffered for %v, want %v", took, tt.most)
			}
		}
		r.log.expect(t, 2, "level=WARN", "took too long")
	})
}

// Where there is no room for a header of more than 4 KiB, its frame waits for its turn.
func TestALargeHeaderWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{TooLarge: wanted, Handler: HandlerFunc(echo), Limits: Limits{BytesInFlight: 1 << 20}})
		holds, p := r.dial(), r.dial()
		large := AppendCommand(nil, &Command{Code: 1, Opaque: 1, Body: make([]byte, 900<<10)})
		holds.write(large[:500<<10])
		frame := AppendCommand(nil, &Command{Code: 1, Opaque: 2, Remark: strings.Repeat("x", 20<<10), Body: make([]byte, 2<<20)})
		go p.write(frame)
		synctest.Wait()
		holds.write(large[500<<10:])
		holds.expect(1, RespSuccess)
		p.expect(2, RespSuccess) // it was received: nobody has asked whether it may
	})
}

// A connection that is to end does not wait for a body that nobody wants.
func TestShutdownDuringAnUnwantedBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{TooLarge: wanted, Handler: HandlerFunc(echo)})
		p := r.dial()
		p.write(AppendCommand(nil, &Command{Code: 1, Body: make([]byte, 2<<20)})[:100<<10])
		synctest.Wait()
		start := time.Now()
		if err := r.srv.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if took := time.Since(start); took > 2*lingerTime {
			t.Errorf("it took %v", took)
		}
	})
}

// Who sends too many such requests is not heard at all where he wants no answer; and the
// time that one took is not that of the next.
func TestManyUnwantedBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served []int32
		r := newRig(t, ServerOptions{TooLarge: wanted, Limits: Limits{Rate: 2}, Handler: HandlerFunc(func(req *Request) {
			served = append(served, req.Opaque)
			echo(req)
		})})
		p := r.from("192.0.2.1:1")
		for range 5 {
			p.send(Command{Code: 1, Flag: flagOneway, Body: make([]byte, 2<<20)})
		}
		time.Sleep(29 * time.Second)
		frame := AppendCommand(nil, &Command{Code: 1, Opaque: 7})
		p.write(frame[:9])
		time.Sleep(29 * time.Second)
		p.write(frame[9:])
		p.expect(7, RespSuccess)
		if !slices.Equal(served, []int32{7}) {
			t.Errorf("served %d, want what came last alone", served)
		}
	})
}

// Where the largest frame is known to be smaller than any may be, its buffer is kept for the next.
func TestTheBufferOfTheLargestFrameIsKept(t *testing.T) {
	lim := Limits{BytesInFlight: 12 << 20, Frame: 11_264_000}
	pool := &newShared(lim, nil, nil, nil, nil).buffers
	b := pool.get(lim.Frame)
	pool.put(b)
	if again := pool.get(lim.Frame - 1<<20); &again.b[0] != &b.b[0] {
		t.Error("another buffer was made for the next large frame")
	}
}
