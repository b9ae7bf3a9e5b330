package remoting

import (
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// unasked is the size of replies for which sized asks for no room.
const unasked = 5000

// sized replies with as many bytes as the request's Opaque says, once there is room.
func sized(req *Request) {
	n := int(req.Opaque)
	if n != unasked {
		if err := req.Reserve(n); err != nil {
			req.ReplyError(RespSystemBusy, err.Error())
			return
		}
	}
	req.Reply(&Response{Body: make([]byte, n), Release: func() {}})
}

// deaf has so many connections of an address ask for replies of n bytes, again and again,
// and read nothing.
func (r *rig) deaf(addr string, conns int, n int32) (all []*peer) {
	frame := AppendCommand(nil, &Command{Opaque: n})
	for i := range conns {
		p := r.from(fmt.Sprintf("%s:%d", addr, i+1))
		all = append(all, p)
		go func() {
			for {
				if _, err := p.nc.Write(frame); err != nil {
					return
				}
			}
		}()
	}
	synctest.Wait()
	return all
}

// Who asks for much and reads nothing has his share of the memory, whether his replies are
// small or large, and nobody else waits, be it for a small request, a reply or a large
// frame.
func TestADeafSourceLeavesRoom(t *testing.T) {
	const limit = 4 << 20
	for _, size := range []int32{500, unasked, 10 << 10, 60 << 10, 200 << 10, 1200 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, ServerOptions{Handler: HandlerFunc(sized), Limits: Limits{BytesInFlight: limit}})
				r.deaf("192.0.2.1", 200, size)
				other, pausing := r.from("192.0.2.2:1"), r.from("192.0.2.3:1")
				pausing.send(Command{Opaque: 100 << 10})
				synctest.Wait()
				for i := range 30 {
					if n := r.srv.Stats().Bytes; n > limit/2 {
						t.Fatalf("%d bytes are in flight in round %d, want half of %d at most", n, i, limit)
					}
					start := time.Now()
					other.send(Command{Opaque: 1})
					other.expect(1, RespSuccess)
					go other.send(Command{Opaque: 300 << 10, Body: make([]byte, 20<<10)})
					other.expect(300<<10, RespSuccess)
					if d := time.Since(start); d > 0 {
						t.Errorf("another client waited for %v in round %d", d, i)
					}
					time.Sleep(500 * time.Millisecond)
					synctest.Wait()
					if i == 15 {
						pausing.expect(100<<10, RespSuccess)
					}
				}
				if r.srv.Stats().Dropped == 0 {
					t.Error("none of those who read nothing was ended in 15 s")
				}
			})
		})
	}
}

// Nor do some such sources together take all there is.
func TestManyDeafSourcesLeaveRoom(t *testing.T) {
	const limit = 4 << 20
	for _, size := range []int32{unasked, 43 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, ServerOptions{Handler: HandlerFunc(sized), Limits: Limits{BytesInFlight: limit}})
				for i := range 8 {
					r.deaf(fmt.Sprintf("192.0.2.%d", i+1), 25, size)
				}
				other := r.from("192.0.2.99:1")
				for i := range 30 {
					if n := r.srv.Stats().Bytes; n > limit/2 {
						t.Fatalf("%d bytes are in flight in round %d, want half of %d at most", n, i, limit)
					}
					start := time.Now()
					other.send(Command{Opaque: 1})
					other.expect(1, RespSuccess)
					go other.send(Command{Opaque: 300 << 10, Body: make([]byte, 20<<10)})
					other.expect(300<<10, RespSuccess)
					if d := time.Since(start); d > 0 {
						t.Errorf("another client waited for %v in round %d", d, i)
					}
					time.Sleep(500 * time.Millisecond)
					synctest.Wait()
				}
			})
		})
	}
}

// Many clients behind one address that read get what they ask for, however much that is
// together, and nobody of them is refused.
func TestAnAddressOfManyWhoRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(sized), Limits: Limits{BytesInFlight: 4 << 20}})
		const clients, rounds, size = 60, 20, 300 << 10
		done := make(chan struct{})
		start := time.Now()
		for i := range clients {
			p := r.from(fmt.Sprintf("192.0.2.1:%d", i+1))
			go func() {
				defer func() { done <- struct{}{} }()
				for range rounds {
					p.send(Command{Opaque: size})
					p.expect(size, RespSuccess)
				}
			}()
		}
		for range clients {
			<-done
		}
		if d := time.Since(start); d > 0 {
			t.Errorf("they waited for %v for each other, want not at all", d)
		}
	})
}

// One that reads nothing holds up those who share its address for as long as it takes to
// find that out.
func TestADeafOneAmongOthersOfItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(sized), Limits: Limits{BytesInFlight: 4 << 20}})
		r.deaf("192.0.2.1", 1, 200<<10)
		p, start := r.from("192.0.2.1:99"), time.Now()
		p.send(Command{Opaque: 1})
		p.expect(1, RespSuccess)
		if d := time.Since(start); d > 0 {
			t.Errorf("a small request waited for %v", d)
		}
		p.send(Command{Opaque: 200 << 10})
		p.expect(200<<10, RespSuccess)
		if d := time.Since(start); d == 0 || d > 2*stallTime {
			t.Errorf("a large reply came after %v, want within %v", d, 2*stallTime)
		}
		r.log.expect(t, 1, "stalled while memory is short")
	})
}

// Those who hold little each and read nothing are found out as soon.
func TestManyWhoReadNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(sized), Limits: Limits{BytesInFlight: 4 << 20}})
		for i := range 12 {
			r.from(fmt.Sprintf("192.0.2.1:%d", i+1)).send(Command{Opaque: 60 << 10})
			synctest.Wait()
		}
		p, start := r.from("192.0.2.1:99"), time.Now()
		p.send(Command{Opaque: 200 << 10})
		p.expect(200<<10, RespSuccess)
		if d := time.Since(start); d == 0 || d > 2*stallTime {
			t.Errorf("a large reply came after %v, want within %v", d, 2*stallTime)
		}
	})
}

// What was reserved for a reply is given back once, whatever becomes of it; newRig sees
// to that.
func TestReservedRoomIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reqs []*Request
		r := newRig(t, ServerOptions{Limits: Limits{BytesInFlight: 4 << 20}, Handler: HandlerFunc(func(req *Request) {
			if err := req.Reserve(100 << 10); err != nil {
				req.ReplyError(RespSystemBusy, "")
				return
			}
			reqs = append(reqs, req)
		})})
		p := r.from("192.0.2.1:1")
		for i := range int32(2) {
			p.send(Command{Opaque: i})
			synctest.Wait()
		}
		reqs[0].Park()
		from := reqs[0].conn.from
		if n := from.room.used.Load(); n != 100<<10 {
			t.Errorf("%d bytes count for one request that has reserved and one that was parked since, want %d", n, 100<<10)
		}
		go reqs[0].Reply(&Response{Body: make([]byte, 100<<10)})
		p.expect(0, RespSuccess)
		r.srv.shared.budget.force(4 << 20)
		other := r.from("192.0.2.2:1")
		other.send(Command{Opaque: 2})
		other.expect(2, RespSystemBusy)
		_ = other.nc.Close()
		synctest.Wait()
		r.srv.shared.budget.give(4 << 20)
		if n := from.room.used.Load(); n != 100<<10 {
			t.Errorf("%d bytes count after a request for which there was no room, want %d", n, 100<<10)
		}
		_ = p.nc.Close()
		synctest.Wait()
		reqs[1].Reply(&Response{Body: make([]byte, 100<<10)})
	})
}

// So is what requests of a source that has much already count for.
func TestRequestsOfACrowdedSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last *Request
		r := newRig(t, ServerOptions{Limits: Limits{BytesInFlight: 4 << 20}, Handler: HandlerFunc(func(req *Request) {
			if err := req.Reserve(int(req.Opaque)); err != nil {
				t.Error(err)
			}
			last = req
		})})
		const first = 400 << 10
		p, q, third := r.from("192.0.2.1:1"), r.from("192.0.2.1:2"), r.from("192.0.2.1:3")
		p.send(Command{Opaque: first})
		synctest.Wait()
		room := &last.conn.from.room
		for _, size := range []int{0, 3 * minBuffer} {
			q.send(Command{Body: make([]byte, size)})
			synctest.Wait()
			if n := room.used.Load(); n != first+minBuffer {
				t.Errorf("%d bytes count while a request of %d is served, want %d", n, size, first+minBuffer)
			}
			go last.Reply(&Response{})
			q.expect(0, RespSuccess)
			synctest.Wait()
			if n := room.used.Load(); n != first {
				t.Errorf("%d bytes count after a request of %d, want %d", n, size, first)
			}
		}
		r.srv.shared.budget.force(6 << 20)
		third.send(Command{})
		synctest.Wait()
		for _, c := range r.srv.shared.each() {
			if c.remote.Port() == 3 {
				_ = c.Close()
			}
		}
		third.expectClosed()
		synctest.Wait()
		r.srv.shared.budget.give(6 << 20)
		if n := room.used.Load(); n != first {
			t.Errorf("%d bytes count after a request for which there was no room, want %d", n, first)
		}
	})
}

// A source that waits for others to have less hears of it, although it gives back nothing.
func TestARoomThatGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held []*Request
		r := newRig(t, ServerOptions{Limits: Limits{BytesInFlight: 4 << 20}, Handler: HandlerFunc(func(req *Request) {
			if err := req.Reserve(int(req.Opaque)); err != nil {
				t.Error(err)
			}
			if req.Opaque == 200<<10 {
				req.Reply(&Response{})
				return
			}
			held = append(held, req)
		})})
		a, b, other := r.from("192.0.2.1:1"), r.from("192.0.2.1:2"), r.from("192.0.2.2:1")
		a.send(Command{Opaque: 100 << 10})
		synctest.Wait()
		other.send(Command{Opaque: 900 << 10})
		synctest.Wait()
		start := time.Now()
		b.send(Command{Opaque: 200 << 10})
		synctest.Wait()
		go held[1].Reply(&Response{})
		other.expect(900<<10, RespSuccess)
		b.expect(200<<10, RespSuccess)
		if d := time.Since(start); d == 0 || d > stallTime {
			t.Errorf("it waited for %v, want a moment", d)
		}
	})
}

// What alone goes beyond a limit does not come upon what is nearly used up.
func TestAGiantFindsHalfTheRoom(t *testing.T) {
	b := newBudget(10)
	if b.ask(9, forReplies) != nil {
		t.Fatal("a budget of which nothing is used refuses")
	}
	giant := b.ask(11, forReplies)
	if giant == nil {
		t.Fatal("11 bytes of 10 are given while 9 are in use")
	}
	if b.give(5); b.used.Load() != 15 {
		t.Errorf("%d bytes are in use, want 11 beside 4", b.used.Load())
	}
	<-giant.got
}

// Who answers parked requests does not wait for a source that reads nothing.
func TestParkedRequestsOfADeafSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held []*Request
		r := newRig(t, ServerOptions{Limits: Limits{BytesInFlight: 4 << 20}, Handler: HandlerFunc(func(req *Request) {
			if req.Remark != "hold" {
				sized(req)
				return
			}
			req.Park()
			held = append(held, req)
		})})
		p := r.from("192.0.2.1:1000")
		go func() { _, _ = io.Copy(io.Discard, p.nc) }()
		for range 500 {
			p.send(Command{Opaque: 200 << 10, Remark: "hold"})
		}
		r.deaf("192.0.2.1", 10, 200<<10)
		start := time.Now()
		for _, req := range held {
			sized(req)
		}
		if d := time.Since(start); d == 0 || d > 2*parkedTime {
			t.Errorf("a worker was held up for %v by %d requests, want %v", d, len(held), parkedTime)
		}
	})
}

// The memory of those who hold most is had back first.
func TestWhoHoldsMostIsEndedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(sized), Limits: Limits{BytesInFlight: 4 << 20}})
		little := r.from("192.0.2.9:1")
		little.send(Command{Opaque: 100 << 10})
		for i := range 5 {
			r.from(fmt.Sprintf("192.0.2.%d:1", i+1)).send(Command{Opaque: 900 << 10})
		}
		time.Sleep(stallTime)
		p := r.from("192.0.2.10:1")
		p.send(Command{Opaque: 900 << 10})
		p.expect(900<<10, RespSuccess)
		little.expect(100<<10, RespSuccess)
	})
}
