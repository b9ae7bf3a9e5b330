package remoting

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// While more than QueuedBytes wait for a peer that does not read, nothing more
// of it is served; after WriteTime it is dropped, and what it held with it.
func TestPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served, released atomic.Int32
		body := make([]byte, 10000)
		r := newRig(t, ServerOptions{Limits: Limits{QueuedBytes: 50000}, Handler: HandlerFunc(func(req *Request) {
			served.Add(1)
			req.Reply(&Response{Body: body, Release: func() { released.Add(1) }})
		})})
		p, start := r.dial(), time.Now()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			frame := AppendCommand(nil, &Command{})
			for {
				if _, err := p.nc.Write(frame); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		if got := served.Load(); got != 5 {
			t.Errorf("%d requests were served, want 5 until 50000 bytes wait", got)
		}
		other := r.dial()
		other.send(Command{Opaque: 2})
		other.expect(2, RespSuccess)
		<-sent
		if got := time.Since(start); got != 10*time.Second {
			t.Errorf("it was dropped after %v, want 10 s", got)
		}
		r.log.expect(t, 1, "level=WARN", "does not read")
		if served, released := served.Load(), released.Load(); served != released {
			t.Errorf("%d bodies were released of %d", released, served)
		}
	})
}

// A peer that reads slowly, but does, is not dropped: WriteTime is for 128 KiB.
func TestPeerThatReadsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := make([]byte, 1<<20)
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {
			req.Reply(&Response{Body: body, Release: func() {}})
		})})
		p := r.dial()
		p.send(Command{})
		got, buf := 0, make([]byte, 64<<10)
		for got < len(body) {
			time.Sleep(4 * time.Second)
			n, err := p.nc.Read(buf)
			if err != nil {
				t.Fatalf("after %d bytes: %v", got, err)
			}
			got += n
		}
	})
}

func TestReplyAfterTheEndReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan *Request, 1)
		p := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) { held <- req })}).dial()
		p.send(Command{})
		req := <-held
		_ = p.nc.Close()
		<-req.Conn().Done()
		released := 0
		req.Reply(&Response{Body: make([]byte, 9000), Release: func() { released++ }})
		if released != 1 {
			t.Errorf("the body was released %d times, want once", released)
		}
	})
}

// Bodies of all sizes, copied or handed over, arrive as they were and are
// released once each.
func TestBodiesOverTCP(t *testing.T) {
	sizes := []int{0, 1, copyBelow, copyBelow + 1, copyInline, copyInline + 1, writeChunk - 7, writeChunk + 1, 1 << 20, 3 << 20}
	var handed, released atomic.Int32
	addr := startServer(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {
		size, err := req.Fields.Int32("size")
		if err != nil {
			t.Error(err)
		}
		resp := Response{Body: pattern(int(size))}
		if req.Code == 1 {
			handed.Add(1)
			resp.Release = func() { released.Add(1) }
		}
		req.Reply(&resp)
		if req.Code == 0 {
			clear(resp.Body) // it was copied
		}
	})})
	cl := NewClient(ClientOptions{})
	defer cl.Close()
	c, err := cl.Conn(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		size int
		cmd  *Command
		err  error
	}
	answers := make(chan answer)
	const rounds = 3
	for range rounds {
		for _, size := range sizes {
			req := Command{Code: rand.Int32N(2), Body: pattern(size % 100000)}
			req.Fields.AddInt("size", int64(size))
			go c.Go(&req, time.Minute, func(cmd *Command, err error) { go func() { answers <- answer{size, cmd, err} }() })
		}
	}
	for range rounds * len(sizes) {
		a := <-answers
		if a.err != nil || !bytes.Equal(a.cmd.Body, pattern(a.size)) {
			t.Errorf("body of %d: %v, or not what was sent", a.size, a.err)
		}
	}
	// The last answer may be here before its body is given back there.
	for end := time.Now().Add(10 * time.Second); handed.Load() != released.Load() && time.Now().Before(end); {
		runtime.Gosched()
	}
	if handed, released := handed.Load(), released.Load(); handed != released {
		t.Errorf("%d of %d bodies were released", released, handed)
	}
}

// pattern returns size bytes that differ by place.
func pattern(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}
