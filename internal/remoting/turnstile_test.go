package remoting

import (
	"crypto/tls"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Who begins many handshakes waits for himself: others come in between, one source after
// the other.
func TestTurnsAreFair(t *testing.T) {
	var s turnstile
	s.init()
	s.free = 1
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	if s.enter(a) != nil {
		t.Fatal("nobody is in the turnstile and it is closed")
	}
	var turns []chan struct{}
	for _, from := range []netip.Addr{a, a, a, a, b, b} {
		turns = append(turns, s.enter(from))
	}
	has := func(i int) bool {
		select {
		case <-turns[i]:
			return true
		default:
			return false
		}
	}
	s.giveUp(a, turns[1])
	for step, want := range []int{0, 4, 2, 5, 3} {
		if has(want) {
			t.Errorf("step %d: turn %d has come before it is free", step, want)
		}
		s.leave()
		if !has(want) {
			t.Errorf("step %d: turn %d has not come", step, want)
		}
	}
	last := s.enter(a)
	s.leave()
	s.giveUp(a, last) // it has come just then
	if s.enter(b) != nil || len(s.lines) != 0 || len(s.order) != 0 {
		t.Errorf("%d lines are left, %d in order, and the turnstile is not free", len(s.lines), len(s.order))
	}
}

// However many shake hands at a time, so few compute; and who stalls within a handshake
// holds up nobody.
func TestFewHandshakesCompute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside, most, all atomic.Int32
		own := serverTLS(t)
		o := TLSEnforcing.options(&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			n := inside.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(10 * time.Millisecond) // what it computes
			inside.Add(-1)
			all.Add(1)
			return own, nil
		}})
		r := newRig(t, o)
		r.srv.shared.turns.free = 2
		first := hello(t)
		for range 200 { // they send nothing more, and read nothing
			r.from("192.0.2.1:1").write(first)
		}
		for range 20 { // nor do these even send so much
			r.from("192.0.2.2:1").write(first[:100])
		}
		start := time.Now()
		if _, err := r.client(ClientOptions{TLS: anyServer}).Call(t.Context(), "server:1", &Command{}); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > 200*time.Millisecond {
			t.Errorf("another client was let in after %v, want its turn to come soon", d)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if most.Load() != 2 || all.Load() != 201 {
			t.Errorf("%d of %d handshakes computed at a time, want 2 of 201", most.Load(), all.Load())
		}
		if n := r.srv.Stats().Conns; n != 1 {
			t.Errorf("%d connections are left, want the one that is served", n)
		}
		if r.srv.shared.turns.free != 2 {
			t.Errorf("%d places are free, want 2", r.srv.shared.turns.free)
		}
	})
}

// What a handshake waits for others to compute is not counted as its peer's time.
func TestAHandshakeThatWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, TLSEnforcing.options(serverTLS(t)))
		turns := &r.srv.shared.turns
		turns.free = 1
		turns.enter(netip.Addr{})
		gone := r.from("192.0.2.1:1")
		gone.write(hello(t))
		time.AfterFunc(20*time.Second, func() {
			_ = gone.nc.Close()
			turns.leave()
		})
		start := time.Now()
		if _, err := r.conn(ClientOptions{TLS: anyServer, DialTimeout: time.Minute, Limits: Limits{FirstFrameTime: time.Minute, CallTime: time.Minute}}).Call(t.Context(), &Command{}); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != 20*time.Second {
			t.Errorf("it was let in after %v, want 20 s", d)
		}
		turns.enter(netip.Addr{})
		p := r.from("192.0.2.1:1")
		start = time.Now()
		p.write(hello(t))
		p.expectClosed()
		if d := time.Since(start); d < 30*time.Second || d > 32*time.Second {
			t.Errorf("its turn never came, and it was closed after %v, want 30 s", d)
		}
		turns.leave()
	})
}
