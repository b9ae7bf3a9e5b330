package remoting

import (
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/warner"
)

// from is a peer at an address.
func (r *rig) from(addr string) *peer {
	r.t.Helper()
	return &peer{r.t, r.ln.connect(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr)))}
}

func TestSourceOf(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "::1": "::",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::7": "2001:db8:1:2::", "2001:db8:1:3::7": "2001:db8:1:3::", "fe80::1%eth0": "fe80::",
	} {
		if got := SourceOf(netip.MustParseAddr(in)); got != netip.MustParseAddr(want) {
			t.Errorf("SourceOf(%s) is %s, want %s", in, got, want)
		}
	}
}

// A host that has a whole network of IPv6 has the connections of one, and when they are
// all taken this machine itself still gets in.
func TestConnectionsOfOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Handler: HandlerFunc(echo), Limits: Limits{Conns: 3, ConnsPerAddr: 2}})
		kept := []*peer{r.from("[2001:db8::1]:1"), r.from("[2001:db8::2]:1")}
		r.from("[2001:db8::3]:1").expectClosed()
		r.log.expect(t, 1, "connection refused", "2 connections of one address")
		kept = append(kept, r.from("[2001:db8:0:1::1]:1"))
		for i := range localConns {
			kept = append(kept, r.from([]string{"127.0.0.1:1", "[::1]:1"}[i%2]))
		}
		for _, p := range kept {
			p.send(Command{Opaque: 1})
			p.expect(1, RespSuccess)
		}
		time.Sleep(warner.DefaultEvery)
		r.from("127.0.0.1:1").expectClosed()
		r.log.expect(t, 1, "connection refused", "67 connections")
		for _, p := range kept {
			_ = p.nc.Close()
		}
		synctest.Wait()
		if n := len(r.srv.shared.sources); n != 0 {
			t.Errorf("%d addresses are remembered after their connections, want none", n)
		}
	})
}

// Who sends more requests than it may is told so, and who goes on all the same is read at
// that pace; others, and this machine, are served meanwhile.
func TestTooManyRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 100
		var served atomic.Int64
		r := newRig(t, ServerOptions{Limits: Limits{Rate: rate}, Handler: HandlerFunc(func(req *Request) {
			if req.Remark == "flood" {
				served.Add(1)
			}
			echo(req)
		})})
		a, b, other, local := r.from("192.0.2.1:1"), r.from("192.0.2.1:2"), r.from("192.0.2.2:1"), r.from("127.0.0.1:1")
		for i := range int32(rate) { // as much as may come at once
			a.send(Command{Opaque: i, Remark: "flood"})
			a.expect(i, RespSuccess)
		}
		b.send(Command{Opaque: 5, Remark: "flood"}) // its other connections are no way around
		if c := b.expect(5, RespSystemBusy); !strings.Contains(c.Remark, "more than 100 requests a second") {
			t.Errorf("it is told %q", c.Remark)
		}
		b.send(Command{Code: ReqHeartBeat, Opaque: 6})
		b.expect(6, RespSuccess)
		time.Sleep(time.Second)
		served.Store(0)
		start, stop := time.Now(), make(chan struct{})
		go func() { // does not care
			defer close(stop)
			for i := int32(0); time.Since(start) < 10*time.Second; i++ {
				if _, err := a.nc.Write(AppendCommand(nil, &Command{Opaque: i, Remark: "flood"})); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		answers := make(chan int32, 10000)
		go func() {
			for {
				c, err := a.read()
				if err != nil {
					close(answers)
					return
				}
				answers <- c.Code
			}
		}()
		for i := range int32(2 * rate) {
			local.send(Command{Opaque: i})
			local.expect(i, RespSuccess)
			if i < rate {
				other.send(Command{Opaque: i})
				other.expect(i, RespSuccess)
			}
		}
		if d := time.Since(start); d > 0 {
			t.Errorf("others waited for %v", d)
		}
		<-stop
		_ = a.nc.Close()
		busy := 0
		for code := range answers {
			if code == RespSystemBusy {
				busy++
			}
		}
		if served := served.Load(); served < 9*rate || served > 12*rate || busy < 9*rate || busy > 12*rate {
			t.Errorf("in 10 s %d were served and %d refused, want 100 a second of each, and what may come at once", served, busy)
		}
		if got := r.srv.Stats().Paused; got != int64(busy)+1 {
			t.Errorf("%d requests are counted as refused, want %d", got, busy+1)
		}
		r.log.expect(t, 2, "a client sends too many requests", "192.0.2.1")
		r.log.expect(t, 2, "WARN")
		_ = b.nc.Close() // and to connect anew is none either
		synctest.Wait()
		c := r.from("192.0.2.1:3")
		c.send(Command{Opaque: 1})
		c.expect(1, RespSystemBusy)
		time.Sleep(2 * time.Second)
		c.send(Command{Opaque: 2})
		c.expect(2, RespSuccess)
		_ = c.nc.Close()
		_ = other.nc.Close()
		time.Sleep(2 * time.Second)
		r.from("192.0.2.9:1")
		synctest.Wait()
		if n := len(r.srv.shared.sources); n != 1 {
			t.Errorf("%d addresses are remembered, want the one that is connected", n)
		}
	})
}

// Of requests that want no answer none is lost: they wait in the socket.
func TestTooManyOnewayRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served []int32
		r := newRig(t, ServerOptions{Limits: Limits{Rate: 100}, Handler: HandlerFunc(func(req *Request) { served = append(served, req.Opaque) })})
		p, start := r.from("192.0.2.1:1"), time.Now()
		for i := range int32(500) {
			p.send(Command{Opaque: i, Flag: flagOneway})
		}
		if d := time.Since(start); d < 3*time.Second || d > 5*time.Second {
			t.Errorf("500 were read in %v, want 100 at once and then 100 a second", d)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for i, n := range served {
			if n != int32(i) || len(served) != 500 {
				t.Fatalf("of 500 requests %d were served, the %dth is %d", len(served), i, n)
			}
		}
	})
}

// Answers that nobody has asked for come at no more than the pace either.
func TestTooManyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, ServerOptions{Limits: Limits{Rate: 100}, Handler: HandlerFunc(echo)})
		p, start := r.from("192.0.2.1:1"), time.Now()
		for i := range int32(500) {
			p.send(Command{Opaque: i, Flag: flagResponse})
		}
		if d := time.Since(start); d < 3*time.Second {
			t.Errorf("500 were read in %v, want 100 at once and then 100 a second", d)
		}
	})
}

// BenchmarkPaced is what it costs a request that its source is counted.
func BenchmarkPaced(b *testing.B) {
	c := &Conn{shared: newShared(Limits{Rate: 1 << 20}, nil, nil, nil, nil), from: new(source)}
	b.ReportAllocs()
	for b.Loop() {
		c.paced(ReqSendMessageV2)
	}
}
