package remoting

import (
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A buffer grows to twice what has arrived, whatever a frame announces, and
// shrinks when the connection is quiet.
func TestBufferGrowsAsBytesArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo)})
		p := r.dial()
		synctest.Wait()
		c := r.srv.shared.each()[0]
		frame := AppendCommand(nil, &Command{Body: make([]byte, 300<<10)})
		for sent := 0; sent < len(frame); {
			n := min(3000, len(frame)-sent)
			p.write(frame[sent : sent+n])
			sent += n
			synctest.Wait()
			if got := len(c.in.buf.b); sent < len(frame) && got > max(2*sent, minBuffer) {
				t.Fatalf("the buffer has %d bytes for %d that came", got, sent)
			}
		}
		p.expect(0, RespSuccess)
		synctest.Wait()
		if got := len(c.in.buf.b); got > hotBuffer {
			t.Errorf("the buffer has %d bytes after the frame, want at most %d", got, hotBuffer)
		}
		p.send(Command{Opaque: 1})
		p.expect(1, RespSuccess)
		time.Sleep(2 * calmTime)
		synctest.Wait()
		if got := len(c.in.buf.b); got != minBuffer {
			t.Errorf("the buffer of a quiet connection has %d bytes, want %d", got, minBuffer)
		}
		if got := r.srv.shared.budget.used.Load(); got != 0 {
			t.Errorf("%d bytes are counted as in flight, want none", got)
		}
	})
}

// Large frames arrive as they were sent, in buffers that others have had before.
func TestLargeFramesArriveWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := 0
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(req *Request) {
			for i, b := range req.Body {
				if b != byte(i*7)+byte(req.Opaque) {
					bad++
					break
				}
			}
			req.Reply(&Response{})
		})})
		a, b := r.dial(), r.dial()
		for i := range int32(6) {
			body := make([]byte, 4<<20-int(i))
			for j := range body {
				body[j] = byte(j*7) + byte(i)
			}
			frame := AppendCommand(nil, &Command{Opaque: i, Body: body})
			p := []*peer{a, b}[i%2]
			for len(frame) > 0 {
				n := min(len(frame), 700<<10)
				p.write(frame[:n])
				frame = frame[n:]
			}
			p.expect(i, RespSuccess)
		}
		if bad > 0 {
			t.Errorf("%d of 6 frames were not what was sent", bad)
		}
	})
}

// When memory is short, a large frame waits for its turn; small requests on
// other connections are served all the same, as long as there is any.
func TestLargeFramesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo), Limits: Limits{BytesInFlight: 6 << 20}})
		large := AppendCommand(nil, &Command{Opaque: 1, Body: make([]byte, 900<<10)})
		start := time.Now()
		a, b, c, small := r.dial(), r.dial(), r.dial(), r.dial()
		a.write(large[:500<<10]) // takes 1 MiB less what a small buffer has
		b.write(large[:hotBuffer])
		done := make(chan struct{})
		go func() { defer close(done); c.write(large) }()
		synctest.Wait()
		select {
		case <-done:
			t.Error("a third large frame was received while two fill the memory")
		default:
		}
		a.write(large[500<<10:])
		a.expect(1, RespSuccess)
		b.write(large[hotBuffer:])
		b.expect(1, RespSuccess)
		c.expect(1, RespSuccess)
		small.send(Command{Opaque: 2})
		small.expect(2, RespSuccess)
		if got := time.Since(start); got != 0 {
			t.Errorf("they held each other up for %v", got)
		}
	})
}

// Whoever stalls while others wait for memory is dropped soon.
func TestStalledPeersMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo), Limits: Limits{BytesInFlight: 6 << 20}})
		large := AppendCommand(nil, &Command{Opaque: 1, Body: make([]byte, 900<<10)})
		var stalled []*peer
		for range 2 {
			p := r.dial()
			p.send(Command{})
			p.expect(0, RespSuccess)
			p.write(large[:100<<10])
			stalled = append(stalled, p)
		}
		p, start := r.dial(), time.Now()
		p.send(Command{Opaque: 2})
		p.expect(2, RespSuccess)
		go p.write(large)
		p.expect(1, RespSuccess)
		if got := time.Since(start); got > 4*time.Second {
			t.Errorf("a request waited for %v while two peers stalled, want at most 4 s", got)
		}
		for _, p := range stalled {
			p.expectClosed()
		}
		r.log.expect(t, 1, "level=WARN", "stalled while memory is short")
	})
}

// A peer that does not read its replies does not keep their memory from others.
func TestUnreadRepliesMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reply := make([]byte, 2<<20)
		r := newRig(t, ServerOptions{Limits: Limits{BytesInFlight: 1 << 20}, Handler: HandlerFunc(func(req *Request) {
			req.Reply(&Response{Body: reply[:len(req.Remark)<<20]})
		})})
		deaf, other, start := r.dial(), r.dial(), time.Now()
		deaf.send(Command{Remark: "MM"})
		synctest.Wait()
		other.send(Command{Opaque: 2})
		other.expect(2, RespSuccess)
		if got := time.Since(start); got == 0 || got > 4*time.Second {
			t.Errorf("the other waited for %v, want until the first was found to stall, at most 4 s", got)
		}
		r.log.expect(t, 1, "stalled while memory is short")
	})
}

// Nor does one that reads them a little at a time.
func TestRepliesReadSlowlyMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reply := make([]byte, 4<<20)
		r := newRig(t, ServerOptions{Limits: Limits{BytesInFlight: 1 << 20}, Handler: HandlerFunc(func(req *Request) {
			req.Reply(&Response{Body: reply[:len(req.Remark)<<20]})
		})})
		slow, other, start := r.dial(), r.dial(), time.Now()
		slow.send(Command{Remark: "MMMM"})
		synctest.Wait()
		ended := make(chan struct{})
		go func() { // 100 KiB a second: 40 s for all
			defer close(ended)
			b := make([]byte, 10<<10)
			for {
				if _, err := io.ReadFull(slow.nc, b); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		}()
		other.send(Command{Opaque: 2})
		other.expect(2, RespSuccess)
		if got := time.Since(start); got < 5*time.Second || got > slowTime+2*stallTime {
			t.Errorf("the other waited for %v, want some 10 s", got)
		}
		<-ended
		r.log.expect(t, 1, "stalled while memory is short")
	})
}

// Memory that stays short for as long as a frame may take ends the connection.
func TestMemoryStaysShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo), Limits: Limits{BytesInFlight: 1 << 20}})
		r.srv.shared.budget.force(1 << 20)
		defer r.srv.shared.budget.give(1 << 20)
		p, start := r.dial(), time.Now()
		frame := AppendCommand(nil, &Command{Body: make([]byte, 9000)})
		p.write(frame[:minBuffer])
		p.expectClosed()
		if got := time.Since(start); got != 30*time.Second {
			t.Errorf("it was closed after %v, want 30 s", got)
		}
		r.log.expect(t, 1, "no room for a frame", ErrBusy.Error())
	})
}

// Each purpose has its own mark, those of one purpose take turns, and requests and
// replies do not wait behind frames.
func TestBudget(t *testing.T) {
	b := newBudget(10)
	if b.ask(100, forFrames) != nil {
		t.Error("a budget of which nothing is used refuses")
	}
	first, second, reply := b.ask(3, forFrames), b.ask(1, forLarge), b.ask(7, forReplies)
	request := b.ask(1, forRequests)
	has := func(t *turn) bool {
		select {
		case <-t.got:
			return true
		default:
			return false
		}
	}
	steps := []struct {
		name                          string
		do                            func()
		used                          int64
		request, reply, first, second bool
	}{
		{"all wait", func() {}, 100, false, false, false, false},
		{"15 are used", func() { b.give(85) }, 15, false, false, false, false},
		{"14 are", func() { b.give(1) }, 15, true, false, false, false},
		{"9 are", func() { b.give(6) }, 16, true, true, false, false},
		{"9 are again", func() { b.give(7) }, 9, true, true, false, false},
		{"8 are", func() { b.give(1) }, 11, true, true, true, false},
		{"6 are", func() { b.give(5) }, 6, true, true, true, false},
		{"the last, a large one, gives up", func() { b.leave(second, forLarge); b.give(6) }, 0, true, true, true, false},
	}
	for _, s := range steps {
		s.do()
		if got := b.used.Load(); got != s.used || has(request) != s.request || has(reply) != s.reply || has(first) != s.first || has(second) != s.second {
			t.Errorf("%s: %d used, request %v, reply %v, frames %v %v; want %d, %v, %v, %v %v",
				s.name, got, has(request), has(reply), has(first), has(second), s.used, s.request, s.reply, s.first, s.second)
		}
	}
	if b.leave(first, forFrames) {
		t.Error("one whose turn has come can leave")
	}
	if b.waiting.Load() != 0 {
		t.Errorf("%d wait, want nobody", b.waiting.Load())
	}
}

// A reply's room is counted before it is made, until it is written.
func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 900 << 10
		var mu sync.Mutex
		var asked []int64
		r := newRig(t, ServerOptions{Limits: Limits{BytesInFlight: 1 << 20}})
		r.srv.shared.handler = HandlerFunc(func(req *Request) {
			go func() {
				if err := req.Reserve(size); err != nil {
					req.ReplyError(RespSystemBusy, err.Error())
					return
				}
				mu.Lock()
				asked = append(asked, r.srv.shared.budget.used.Load())
				mu.Unlock()
				req.Reply(&Response{Body: make([]byte, size), Release: func() {}})
			}()
		})
		first, second, third, start := r.dial(), r.dial(), r.dial(), time.Now()
		for _, p := range []*peer{first, second, third} {
			p.send(Command{})
			synctest.Wait()
		}
		mu.Lock()
		used := slices.Clone(asked)
		mu.Unlock()
		if len(used) != 2 || used[1] < 2*size || used[1] > 2*size+64<<10 {
			t.Fatalf("bytes in use at each reply: %d, want two replies of %d", used, size)
		}
		third.expect(0, RespSuccess)
		if got := time.Since(start); got == 0 || got > 2*stallTime {
			t.Errorf("the third was answered after %v, want once those were dropped who do not read, within %v", got, 2*stallTime)
		}
		r.srv.shared.budget.force(1200 << 10)
		defer r.srv.shared.budget.give(1200 << 10)
		fourth := r.dial()
		fourth.send(Command{})
		fourth.expect(0, RespSystemBusy)
		if got := time.Since(start); got < reserveTime || got > reserveTime+2*stallTime {
			t.Errorf("the fourth was refused after %v, want after %v more", got, reserveTime)
		}
		r.log.expect(t, 1, "stalled while memory is short")
	})
}

func TestBufferClasses(t *testing.T) {
	var p bufferPool
	for _, tt := range []struct{ size, want int }{
		{1, minBuffer}, {minBuffer, minBuffer}, {minBuffer + 1, 2 * minBuffer}, {hotBuffer, hotBuffer}, {1 << 20, 1 << 20}, {1<<20 + 1, 5 << 18}, {4<<20 + 400, 5 << 20}, {5 << 20, 5 << 20}, {5<<20 + 1, 6 << 20}, {maxFrame, maxFrame},
	} {
		b := p.get(tt.size)
		if len(b.b) != tt.want {
			t.Errorf("get(%d) has %d bytes, want %d", tt.size, len(b.b), tt.want)
		}
		p.put(b)
	}
}

func TestAcquireEndsWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Limits: Limits{BytesInFlight: 100}})
		r.srv.shared.budget.force(100)
		defer r.srv.shared.budget.give(100)
		r.dial()
		synctest.Wait()
		c := r.srv.shared.each()[0]
		time.AfterFunc(time.Second, func() { _ = c.Close() })
		if err := c.acquire(1, forReplies, time.Minute); !errors.Is(err, ErrClosed) {
			t.Errorf("acquire: %v, want ErrClosed", err)
		}
	})
}

// Requests that wait for long, however many, keep out nobody's large frames, and are
// answered as ever.
func TestParkedRequestsKeepNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held []*Request
		r := newRig(t, ServerOptions{Limits: Limits{BytesInFlight: 1 << 20}, Handler: HandlerFunc(func(req *Request) {
			if req.Remark != "hold" {
				echo(req)
				return
			}
			req.Park()
			held = append(held, req)
		})})
		p, other := r.from("192.0.2.1:1"), r.from("192.0.2.2:1")
		for i := range int32(2000) {
			p.send(Command{Opaque: i, Remark: "hold"})
		}
		synctest.Wait()
		if n := r.srv.Stats().Bytes; n != 0 {
			t.Errorf("%d bytes count as in flight for %d requests that are held", n, len(held))
		}
		start := time.Now()
		go other.send(Command{Opaque: 1, Body: make([]byte, 200<<10)})
		other.expect(1, RespSuccess)
		if d := time.Since(start); d > 0 {
			t.Errorf("another client's message waited for %v", d)
		}
		for i, req := range held {
			if err := req.Reserve(200 << 10); err != nil {
				t.Fatal(err)
			}
			go req.Reply(&Response{})
			p.expect(int32(i), RespSuccess)
		}
		p.send(Command{Remark: "hold"})
		_ = p.nc.Close()
		synctest.Wait()
		held[len(held)-1].Park() // it has ended meanwhile
	})
}
