package replica

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/replica/epoch"
	"pairmq/replica/proof"
)

const testSecret = "0123456789abcdef"

// nobody need not prove anything.
func nobody(netip.Addr, netip.Addr) bool { return false }

// only is who comes from there need not.
func only(addr string) func(netip.Addr, netip.Addr) bool {
	return func(_, remote netip.Addr) bool { return remote == netip.MustParseAddr(addr) }
}

// trusting is a Trust with a secret; its claim is of a half in a role, under epoch 7. It is made outside
// of bubbles: to make a key takes what lives longer.
func trusting(t testing.TB, secret string, slave bool, plain func(netip.Addr, netip.Addr) bool) Trust {
	t.Helper()
	k, err := proof.NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	s, err := proof.NewSeal()
	if err != nil {
		t.Fatal(err)
	}
	return Trust{Plain: plain, Key: k, Seal: s, Claim: func() proof.Claim { return proof.Claim{Slave: slave, Epoch: 7, Name: proof.NameOf("plant")} }}
}

// A strange is a connection of a stranger's, who reads all that comes.
type strange struct {
	net.Conn
	mu   sync.Mutex
	got  []byte
	gone chan struct{} // nothing comes any more
}

func (p *pair) stranger(from string) *strange {
	p.t.Helper()
	nc, err := p.ln.dial(from)
	if err != nil {
		p.t.Fatal(err)
	}
	s := &strange{Conn: nc, gone: make(chan struct{})}
	go func() {
		defer close(s.gone)
		b := make([]byte, 64)
		for {
			n, err := nc.Read(b)
			s.mu.Lock()
			s.got = append(s.got, b[:n]...)
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *strange) heard() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.got)
}

// ended says whether the master has hung up.
func (s *strange) ended() bool {
	synctest.Wait()
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// countsNobody demands that no send was let go for what only a stranger said, and that none has a place.
func (p *pair) countsNobody() {
	p.t.Helper()
	synctest.Wait()
	if n := len(p.conns()); n != 0 {
		p.t.Errorf("%d connections have a slave's place", n)
	}
	p.acks.mu.Lock()
	known := len(p.acks.slaves)
	p.acks.mu.Unlock()
	p.log.grow(1, 9)
	p.acks.Confirmed(p.log.Confirmed())
	synctest.Wait()
	for _, r := range p.answers() {
		if r.err == nil && r.end == p.log.End() {
			p.t.Errorf("released %+v", r)
		}
	}
	if known != 0 {
		p.t.Errorf("%d slaves count as such", known)
	}
}

func TestHalvesOfASecretReplicate(t *testing.T) {
	for _, tt := range []struct{ master, slave, configured bool }{{}, {master: true}, {slave: true}, {true, true, false}, {configured: true}, {slave: true, configured: true}} {
		may := nobody
		if tt.configured {
			may = func(netip.Addr, netip.Addr) bool { return true }
		}
		master, slave := trusting(t, testSecret, false, may), trusting(t, testSecret, true, may)
		master.TLS, slave.TLS = tt.master, tt.slave
		synctest.Test(t, func(t *testing.T) {
			p := newPairOf(t, logOf(100, 1), master, slog.New(slog.DiscardHandler))
			defer p.end()
			p.trusts = slave
			p.follow(&memLog{})
			p.same()
			p.store(50, 2)
			p.same()
			if got := p.answers(); len(got) == 0 || got[len(got)-1] != (release{p.log.End(), nil}) {
				t.Errorf("%+v: released %+v; want all up to %d", tt, got, p.log.End())
			}
			if st := p.master.Slaves(); len(st) != 1 || !st[0].Proven || !st[0].Sealed {
				t.Errorf("%+v: Slaves() = %+v", tt, st)
			}
			time.Sleep(10 * defaultSilence) // whatever deadlines the handshake had are over
			p.store(5, 3)
			p.same()
			if st := p.slave.Status(); !st.Connected || st.Err != nil {
				t.Errorf("%+v: %+v", tt, st)
			}
		})
	}
}

// TestWhoIsTakenNoMoreIsLeft: a half that proves nothing is there for as long as its address is
// configured, to either side, and one that has proven who it is stays.
func TestWhoIsTakenNoMoreIsLeft(t *testing.T) {
	for _, tt := range []struct{ name, master, slave string }{{"by the master", "closed", ""}, {"by the slave", "", "closed"}, {"nobody changed anything", "", ""}, {"both have the secret", "secret", "secret"}} {
		var masterTakes, slaveTakes atomic.Bool
		masterTakes.Store(true)
		slaveTakes.Store(true)
		master := Trust{Plain: func(netip.Addr, netip.Addr) bool { return masterTakes.Load() }}
		slave := Trust{Plain: func(netip.Addr, netip.Addr) bool { return slaveTakes.Load() }}
		if tt.master == "secret" {
			master, slave = trusting(t, testSecret, false, master.Plain), trusting(t, testSecret, true, slave.Plain)
		}
		synctest.Test(t, func(t *testing.T) {
			p := newPairOf(t, logOf(100, 1), master, slog.New(slog.DiscardHandler))
			defer p.end()
			p.trusts = slave
			p.follow(&memLog{})
			p.same()
			before := p.conns()
			masterTakes.Store(tt.master == "")
			slaveTakes.Store(tt.slave == "")
			p.master.PeersChanged()
			p.slave.PeersChanged()
			synctest.Wait()
			left := tt.master == "closed" || tt.slave == "closed"
			if now := p.conns(); (len(now) == 0) != left || !left && !slices.Equal(now, before) {
				t.Errorf("%s: %d connections are there, which were before: %t", tt.name, len(now), slices.Equal(now, before))
			}
			masterTakes.Store(true)
			slaveTakes.Store(true)
			p.slave.PeersChanged()
			time.Sleep(time.Minute)
			p.store(5, 3)
			p.same()
		})
	}
}

// TestNothingIsReadOnTheWay: with a secret no byte of a message can be seen on the link.
func TestNothingIsReadOnTheWay(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		var master, slave Trust
		if sealed {
			master, slave = trusting(t, testSecret, false, nobody), trusting(t, testSecret, true, nobody)
		}
		synctest.Test(t, func(t *testing.T) {
			p := newPairOf(t, logOf(100, 1), master, slog.New(slog.DiscardHandler))
			defer p.end()
			p.trusts = slave
			var wire tapped
			p.tap = &wire
			p.follow(&memLog{})
			p.same()
			if seen := bytes.Contains(wire.bytes(), p.log.bytes()[:2*testRecord]); seen == sealed {
				t.Errorf("sealed %t: the log is seen on the wire: %t", sealed, seen)
			}
		})
	}
}

// TestWhoPassesTheProofOn: he has himself dialled, as a name server can have it, and has the genuine master
// prove; then he can say nothing to either that counts.
func TestWhoPassesTheProofOn(t *testing.T) {
	master, slave := trusting(t, testSecret, false, nobody), trusting(t, testSecret, true, nobody)
	synctest.Test(t, func(t *testing.T) {
		p := newPairOf(t, logOf(100, 1), master, slog.New(slog.DiscardHandler))
		defer p.end()
		pass := func(to, from net.Conn, n int) bool {
			_, err := io.CopyN(to, from, int64(n))
			return err == nil
		}
		forged := logOf(10, 99).bytes()
		s := NewSlave(SlaveOptions{Log: &memLog{}, Master: func() string { return "10.0.0.66:1" }, Trust: slave, Dial: func(context.Context, string) (net.Conn, error) {
			up, err := p.ln.dial("10.0.0.66")
			if err != nil {
				return nil, err
			}
			here, down := net.Pipe()
			p.running.Go(func() {
				defer up.Close()
				defer down.Close()
				if !pass(up, down, proof.HelloSize) || !pass(down, up, proof.HelloSize) || !pass(up, down, proof.ProofSize) || !pass(down, up, proof.VerdictSize) {
					t.Error("the proof was not passed on: the test shows nothing")
				}
				p.running.Go(func() { _, _ = up.Write(appendReport(nil, 500)) })
				p.running.Go(func() {
					if n, _ := io.Copy(io.Discard, up); n > 4096 {
						t.Errorf("he reads %d bytes of log", n)
					}
				})
				_, _ = down.Write(append(appendHeader(nil, header{0, len(forged)}), forged...))
				_, _ = io.Copy(io.Discard, down)
			})
			return addressed{here, net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.66:1"))}, nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		p.running.Go(func() { _ = s.Run(ctx) })
		time.Sleep(3 * time.Second)
		if st := s.Status(); st.Connected || s.opts.Log.End() != 0 {
			t.Errorf("the slave has taken %d bytes of him: %+v", s.opts.Log.End(), st)
		}
		p.countsNobody()
		cancel()
	})
}

// TestStrangersAreShownOut: who is not configured, where there is no secret.
func TestStrangersAreShownOut(t *testing.T) {
	var lines bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		p := newPairOf(t, logOf(100, 1), Trust{Plain: only("10.0.0.2")}, slog.New(slog.NewTextHandler(&lines, nil)))
		defer p.end()
		for range 50 {
			s := p.stranger("10.0.0.66")
			_, _ = s.Write(appendReport(nil, 1))
			if !s.ended() || len(s.heard()) > 0 {
				t.Fatalf("a stranger has %d bytes, hung up %t", len(s.heard()), s.ended())
			}
		}
		p.countsNobody()
		if r := p.master.Refused(); r.Addr != netip.MustParseAddr("10.0.0.66") || !errors.Is(r.Why, errStranger) || time.Since(r.When) > time.Second {
			t.Errorf("Refused() = %+v", r)
		}
		p.follow(&memLog{})
		p.same()
		if st := p.master.Slaves(); len(st) != 1 || st[0].Proven {
			t.Errorf("Slaves() = %+v", st)
		}
	})
	if n := strings.Count(lines.String(), "was refused"); n != 1 || !strings.Contains(lines.String(), "haPeers") {
		t.Errorf("%d lines tell of 50 strangers:\n%s", n, lines.String())
	}
}

// TestARefusedHalfIsNotHidden: by a stranger who knocks five times a second.
func TestARefusedHalfIsNotHidden(t *testing.T) {
	master, slave := trusting(t, testSecret, false, nobody), trusting(t, testSecret+"x", true, nobody)
	var lines bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		p := newPairOf(t, logOf(10, 1), master, slog.New(slog.NewTextHandler(&lines, nil)))
		defer p.end()
		ctx, cancel := context.WithCancel(t.Context())
		p.running.Go(func() {
			for ctx.Err() == nil {
				_, _ = p.stranger("10.0.0.66").Write([]byte("GET / HTTP/1.1\r\n"))
				time.Sleep(200 * time.Millisecond)
			}
		})
		time.Sleep(time.Second)
		p.trusts = slave
		p.follow(&memLog{})
		for range 10 {
			time.Sleep(7 * time.Second)
			if r := p.master.Refused(); r.Addr != netip.MustParseAddr("10.0.0.2") {
				t.Errorf("shown is %v: %v", r.Addr, r.Why)
			}
		}
		cancel()
	})
	if n := strings.Count(lines.String(), "remote=10.0.0.2 "); n < 5 {
		t.Errorf("%d lines of 70 s tell of it", n)
	}
}

// taped returns what a slave of ours and its master say when they meet.
func taped(t *testing.T) (slave, master []byte) {
	k, err := proof.NewKey([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	claim := proof.Claim{Slave: true, Epoch: 7, Name: proof.NameOf("plant")}
	d := proof.NewDialer(k, proof.Replication, false)
	l, err := proof.NewListener(k, proof.Replication, d.Hello(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Challenged(l.Challenge()); err != nil {
		t.Fatal(err)
	}
	_, verdict, err := l.Judge(d.Proof(claim), claim)
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(d.Hello()), d.Proof(claim)...), append(bytes.Clone(l.Challenge()), verdict...)
}

// TestStrangersProveNothing: where there is a secret, no log is read and nothing acknowledged without it.
func TestStrangersProveNothing(t *testing.T) {
	slave, master := taped(t)
	zeros := make([]byte, 64<<10)
	for _, tt := range []struct {
		name string
		says [][]byte
	}{
		{"nothing", nil}, {"a report", [][]byte{appendReport(nil, 1)}}, {"half a report", [][]byte{{0, 0, 0}}},
		{"half a hello", [][]byte{slave[:20]}}, {"a hello", [][]byte{slave[:proof.HelloSize]}},
		{"half a proof", [][]byte{slave[:proof.HelloSize+50]}}, {"a slave's part, again", [][]byte{slave}}, {"a slave's part and a report", [][]byte{slave, appendReport(nil, 1)}},
		{"a master's part", [][]byte{master}}, {"zeros behind a hello", [][]byte{slave[:proof.HelloSize], zeros}}, {"zeros", [][]byte{zeros}},
		{"TLS", [][]byte{append([]byte{0x16, 3, 1}, zeros...)}},
	} {
		trust := trusting(t, testSecret, false, nobody)
		synctest.Test(t, func(t *testing.T) {
			p := newPairOf(t, logOf(100, 1), trust, slog.New(slog.DiscardHandler))
			defer p.end()
			s := p.stranger("10.0.0.66")
			for _, b := range tt.says {
				go func() { _, _ = s.Write(b) }()
				synctest.Wait()
			}
			time.Sleep(proofTime + time.Millisecond)
			if !s.ended() {
				t.Errorf("%s: it is there after %v", tt.name, proofTime)
			}
			// A challenge, and that a proof is none.
			if most := proof.HelloSize + proof.VerdictSize; len(s.heard()) > most {
				t.Errorf("%s: it was sent %d bytes, at most %d are no secret", tt.name, len(s.heard()), most)
			}
			if bytes.Contains(s.heard(), p.log.bytes()[:16]) {
				t.Errorf("%s: it was sent the log", tt.name)
			}
			p.countsNobody()
			if r := p.master.Refused(); !errors.Is(r.Why, errStranger) {
				t.Errorf("%s: Refused() = %+v", tt.name, r)
			}
		})
	}
}

// TestAnotherSecretIsSaid: a slave with another secret, or of another broker, is told so, and stands still.
func TestAnotherSecretIsSaid(t *testing.T) {
	other := trusting(t, testSecret, true, nobody)
	other.Claim = func() proof.Claim { return proof.Claim{Slave: true, Name: proof.NameOf("other")} }
	for want, slave := range map[string]Trust{
		"the peer has another secret": trusting(t, testSecret+"x", true, nobody), "the peer is a broker of another name": other,
		"name its address in haPeers": {Plain: nobody},
	} {
		master := trusting(t, testSecret, false, nobody)
		synctest.Test(t, func(t *testing.T) {
			p := newPairOf(t, logOf(100, 1), master, slog.New(slog.DiscardHandler))
			defer p.end()
			p.trusts = slave
			p.follow(&memLog{})
			time.Sleep(time.Minute)
			if n := len(p.copy.bytes()); n != 0 {
				t.Errorf("%s: it has copied %d bytes", want, n)
			}
			if st := p.slave.Status(); st.Connected || !errors.Is(st.Err, errStranger) || !strings.Contains(st.Err.Error(), want) {
				t.Errorf("want %q, got %+v", want, st)
			}
			p.countsNobody()
		})
	}
}

// TestConfiguredByAddress: a stock slave proves nothing, and is taken where its address is configured.
func TestConfiguredByAddress(t *testing.T) {
	for _, trust := range []Trust{{Plain: only("10.0.0.2")}, trusting(t, testSecret, false, only("10.0.0.2"))} {
		for _, silent := range []time.Duration{0, 5 * time.Second, 19 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				p := newPairOf(t, logOf(100, 1), trust, slog.New(slog.DiscardHandler))
				defer p.end()
				s := p.stranger("10.0.0.2")
				time.Sleep(silent) // 4.9.7 says nothing for 5 s
				for _, b := range appendReport(nil, 0) {
					if _, err := s.Write([]byte{b}); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				if st := p.master.Slaves(); len(st) != 1 || st[0].Proven {
					t.Fatalf("secret %t, %v: Slaves() = %+v", trust.Key != nil, silent, st)
				}
				time.Sleep(time.Second)
				if got := s.heard(); len(got) < headerSize+100 || !bytes.Equal(got[headerSize:headerSize+100], p.log.bytes()[:100]) {
					t.Errorf("secret %t, %v: it has %d bytes", trust.Key != nil, silent, len(got))
				}
			})
		}
	}
}

// TestAHelloIsNoReason: to wait longer, from where one need not prove anything.
func TestAHelloIsNoReason(t *testing.T) {
	hello, _ := taped(t)
	trust := trusting(t, testSecret, false, only("10.0.0.2"))
	synctest.Test(t, func(t *testing.T) {
		p := newPairOf(t, logOf(100, 1), trust, slog.New(slog.DiscardHandler))
		defer p.end()
		s := p.stranger("10.0.0.2")
		if _, err := s.Write(hello[:proof.HelloSize]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(proofTime + time.Millisecond)
		if !s.ended() {
			t.Errorf("it is there after %v", proofTime)
		}
		p.countsNobody()
	})
}

// TestTheCrowdMakesRoom: strangers cannot keep the slave out, however many of them wait.
func TestTheCrowdMakesRoom(t *testing.T) {
	master, slave := trusting(t, testSecret, false, nobody), trusting(t, testSecret, true, nobody)
	synctest.Test(t, func(t *testing.T) {
		p := newPairOf(t, logOf(100, 1), master, slog.New(slog.DiscardHandler))
		defer p.end()
		var all []*strange
		for i := range 4 * mostWaiting {
			all = append(all, p.stranger([]string{"10.0.0.66", "10.0.0.67"}[i%2]))
		}
		synctest.Wait()
		waiting := func() (n int) {
			for _, s := range all {
				if !s.ended() {
					n++
				}
			}
			return n
		}
		if n := waiting(); n != mostWaiting {
			t.Errorf("%d strangers wait, want %d", n, mostWaiting)
		}
		p.trusts = slave
		p.follow(&memLog{})
		synctest.Wait()
		if !p.slave.Status().Connected {
			t.Errorf("the slave is kept out: %+v", p.slave.Status())
		}
		p.same()
		for range 200 { // nor do they push it out
			p.stranger("10.0.0.66")
		}
		p.store(5, 2)
		p.same()
		time.Sleep(2 * proofTime)
		if n := waiting(); n != 0 {
			t.Errorf("%d are still there", n)
		}
		if st := p.slave.Status(); !st.Connected {
			t.Errorf("the slave was pushed out: %+v", st)
		}
	})
}

// TestACrowdOfManyHosts: 330 connections a second, of forty addresses, push out neither a stock slave whose
// host is configured, nor a half over a slow link that has been here; and one that has not gets in some time.
func TestACrowdOfManyHosts(t *testing.T) {
	for _, tt := range []struct {
		name       string
		stock, met bool
		within     time.Duration
	}{{"a stock slave", true, false, 5 * time.Second}, {"a half that was here", false, true, time.Second}, {"a half that was not", false, false, 10 * time.Minute}} {
		master, slave := trusting(t, testSecret, false, nobody), trusting(t, testSecret, true, nobody)
		if tt.stock {
			master.Plain = only("10.0.0.2")
		}
		master.Met = func(a netip.Addr) bool { return tt.met && a == netip.MustParseAddr("10.0.0.2") }
		synctest.Test(t, func(t *testing.T) {
			p := newPairOf(t, logOf(100, 1), master, slog.New(slog.DiscardHandler))
			defer p.end()
			ctx, cancel := context.WithCancel(t.Context())
			p.running.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					nc, err := p.ln.dial(fmt.Sprintf("10.0.1.%d", i%40+1))
					if err != nil {
						return
					}
					p.running.Go(func() { _, _ = io.Copy(io.Discard, nc) })
					time.Sleep(3 * time.Millisecond)
				}
			})
			time.Sleep(time.Second)
			if tt.stock {
				s := p.stranger("10.0.0.2")
				time.Sleep(tt.within - time.Millisecond)
				_, _ = s.Write(appendReport(nil, 0))
			} else {
				p.running.Go(func() {
					s := NewSlave(SlaveOptions{Log: &memLog{}, Master: func() string { return "m:1" }, Trust: slave, Dial: func(ctx context.Context, addr string) (net.Conn, error) {
						nc, err := p.dial(ctx, addr)
						return slow{nc}, err
					}})
					_ = s.Run(ctx)
				})
			}
			for end := time.Now().Add(tt.within); len(p.master.Slaves()) == 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Errorf("%s is kept out for %v: %v", tt.name, tt.within, p.master.Refused().Why)
					break
				}
			}
			cancel()
			_ = p.ln.Close()
		})
	}
}

// slow is a connection over a link with 100 ms.
type slow struct{ net.Conn }

func (c slow) Write(b []byte) (int, error) {
	time.Sleep(100 * time.Millisecond)
	return c.Conn.Write(b)
}

// TestTheSecretHasAPlace: slaves that prove nothing have the others, and make room for one that does.
func TestTheSecretHasAPlace(t *testing.T) {
	for _, most := range []int{1, 4} {
		master, slave := trusting(t, testSecret, false, only("10.0.0.9")), trusting(t, testSecret, true, nobody)
		synctest.Test(t, func(t *testing.T) {
			p := newPairOf(t, logOf(100, 1), master, slog.New(slog.DiscardHandler))
			defer p.end()
			p.master.opts.MaxSlaves = most
			var all []*strange
			for range most + 2 {
				s := p.stranger("10.0.0.9")
				_, _ = s.Write(appendReport(nil, 1)) // the last ones find no place
				synctest.Wait()
				all = append(all, s)
			}
			if n := len(p.master.Slaves()); n != max(1, most-1) {
				t.Errorf("of %d places, %d have slaves that prove nothing", most, n)
			}
			p.trusts = slave
			p.follow(&memLog{})
			p.same()
			for range most { // they do not push it out
				all = append(all, p.stranger("10.0.0.9"))
				_, _ = all[len(all)-1].Write(appendReport(nil, 1))
			}
			p.store(5, 2)
			p.same()
			st := p.master.Slaves()
			if i := slices.IndexFunc(st, func(s SlaveStatus) bool { return s.Proven }); i < 0 || len(st) != most {
				t.Errorf("of %d places: %+v", most, st)
			}
			for i, s := range all {
				if ended, places := s.ended(), most-1; ended == (i < places) {
					t.Errorf("of %d places: stranger %d was ended: %t", most, i, ended)
				}
			}
		})
	}
}

// TestTheCrowdOfANetwork: one host has any number of IPv6 addresses.
func TestTheCrowdOfANetwork(t *testing.T) {
	var l lobby
	ends := map[string]*closing{}
	enter := func(addr string) {
		c := &closing{addr: netip.MustParseAddr(addr)}
		ends[addr] = c
		l.enter(c, false)
	}
	enter("2001:db8:2::7")
	enter("10.0.0.2")
	for i := range 2 * mostWaiting {
		a := netip.MustParseAddr("2001:db8:1::").As16()
		binary.BigEndian.PutUint64(a[8:], uint64(i+1))
		enter(netip.AddrFrom16(a).String())
	}
	if ends["2001:db8:2::7"].closed || ends["10.0.0.2"].closed || !ends["2001:db8:1::1"].closed || ends["2001:db8:1::40"].closed {
		t.Errorf("the wrong ones had to go")
	}
	if len(l.guests) != mostWaiting {
		t.Errorf("%d wait, want %d", len(l.guests), mostWaiting)
	}
}

// closing is a connection of which only its end is of interest.
type closing struct {
	net.Conn
	addr   netip.Addr
	closed bool
}

func (c *closing) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.addr, 1))
}
func (c *closing) LocalAddr() net.Addr { return &net.TCPAddr{} }
func (c *closing) Close() error        { c.closed = true; return nil }

// followFake has a slave follow a master that serves every connection with say.
func followFake(t *testing.T, trust Trust, notes io.Writer, say func(net.Conn)) (*Slave, *memLog, func()) {
	ln := newPipeListener()
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	running.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { defer nc.Close(); say(nc) })
		}
	})
	l := &memLog{}
	s := NewSlave(SlaveOptions{Log: l, Trust: trust, Notes: slog.New(slog.NewTextHandler(notes, nil)), Master: func() string { return "m:1" }, Dial: func(context.Context, string) (net.Conn, error) {
		nc, err := ln.dial("10.0.0.2")
		if err != nil {
			return nil, err
		}
		return addressed{nc, net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:1"))}, nil
	}})
	running.Go(func() { _ = s.Run(ctx) })
	return s, l, func() { cancel(); _ = ln.Close(); running.Wait() }
}

// stock says what a stock master does to a slave's first report, once there is one.
func stock(log []byte, refused *tapped) func(net.Conn) {
	return func(nc net.Conn) {
		var r reports
		b, begun := make([]byte, 512), false
		for {
			n, err := nc.Read(b)
			if end, ok := r.last(b[:n]); ok && end >= 0 && !begun {
				begun = true
				if _, err := nc.Write(append(appendHeader(nil, header{0, len(log)}), log...)); err != nil {
					return
				}
			} else if ok && end < 0 {
				refused.add(b[:n])
			}
			if err != nil {
				return
			}
		}
	}
}

// TestAMasterMustProveItself: a slave with a secret takes nothing from one that does not, unless its address is
// configured; and then it says so.
func TestAMasterMustProveItself(t *testing.T) {
	var lines bytes.Buffer
	log := logOf(10, 1).bytes()
	chosen, sealed := trusting(t, testSecret, true, nobody), trusting(t, testSecret, true, only("10.0.0.1"))
	chosen.Chosen, sealed.TLS = func(string) bool { return true }, true
	for _, tt := range []struct {
		name   string
		trust  Trust
		copies bool
	}{
		{"a stranger", trusting(t, testSecret, true, nobody), false},
		{"a stranger, no secret", Trust{Plain: nobody}, false},
		{"configured", trusting(t, testSecret, true, only("10.0.0.1")), true},
		{"configured, no secret", Trust{Plain: only("10.0.0.1")}, true},
		{"chosen, no secret", Trust{Plain: nobody, Chosen: func(addr string) bool { return addr == "m:1" }}, true},
		{"chosen", chosen, false},
		{"configured, and TLS is wanted", sealed, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var hellos tapped
			s, l, end := followFake(t, tt.trust, &lines, stock(log, &hellos))
			time.Sleep(15 * time.Second)
			synctest.Wait()
			if got := bytes.Equal(l.bytes(), log); got != tt.copies {
				t.Errorf("%s: it has copied %d bytes; %+v", tt.name, len(l.bytes()), s.Status())
			}
			if st := s.Status(); !tt.copies && (st.Err == nil || !strings.Contains(st.Err.Error(), "haPeers") && !strings.Contains(st.Err.Error(), "TLS is wanted")) {
				t.Errorf("%s: %v", tt.name, st.Err)
			}
			end()
			if said := tt.trust.Key != nil; said != (len(hellos.bytes()) > 0) {
				t.Errorf("%s: the master heard %x", tt.name, hellos.bytes())
			}
		})
	}
	if n := strings.Count(lines.String(), "taken all the same"); n != 1 {
		t.Errorf("%d lines say that a master proves nothing:\n%s", n, lines.String())
	}
}

// TestALyingMaster: it says anything in place of its part.
func TestALyingMaster(t *testing.T) {
	_, master := taped(t)
	for name, says := range map[string][]byte{
		"nothing": nil, "a transfer": append(appendHeader(nil, header{0, 64}), make([]byte, 64)...), "its part of another talk": master,
		"half a challenge": master[:20], "zeros": make([]byte, 4096),
	} {
		trust := trusting(t, testSecret, true, nobody)
		synctest.Test(t, func(t *testing.T) {
			s, l, end := followFake(t, trust, io.Discard, func(nc net.Conn) {
				go func() { _, _ = nc.Write(says) }()
				_, _ = io.Copy(io.Discard, nc)
			})
			time.Sleep(time.Minute)
			if st := s.Status(); st.Connected || st.Err == nil || l.End() != 0 {
				t.Errorf("%s: %+v, the log ends at %d", name, st, l.End())
			}
			end()
		})
	}
}

// known is a master's history that is told on another port.
type known struct{ epoch.History }

func (k known) Meet(context.Context) (epoch.History, error) { return k.History, nil }
func (k known) Own() epoch.History                          { return nil }
func (k known) Adopt(epoch.History) error                   { return nil }

// TestTheSameMasterOnBothPorts: one that was another epoch's when it was asked is not followed.
func TestTheSameMasterOnBothPorts(t *testing.T) {
	for told, ok := range map[int64]bool{7: true, 8: false} {
		master, slave := trusting(t, testSecret, false, nobody), trusting(t, testSecret, true, nobody)
		synctest.Test(t, func(t *testing.T) {
			p := newPairOf(t, logOf(100, 1), master, slog.New(slog.DiscardHandler))
			defer p.end()
			s := NewSlave(SlaveOptions{Log: &memLog{}, Master: func() string { return "m:1" }, Dial: p.dial, Trust: slave,
				Histories: known{epoch.History{{Number: told, ID: 1}}}})
			ctx, cancel := context.WithCancel(t.Context())
			p.running.Go(func() { _ = s.Run(ctx) })
			time.Sleep(10 * time.Second)
			if st := s.Status(); st.Connected != ok || !ok && !strings.Contains(st.Err.Error(), "under epoch 7") {
				t.Errorf("told of epoch %d: %+v", told, st)
			}
			cancel()
		})
	}
}

// TestFetchFromAHalf: a master asks its slave's port, which serves the other half alone.
func TestFetchFromAHalf(t *testing.T) {
	slave := trusting(t, testSecret, true, nobody)
	for want, master := range map[bool]Trust{true: trusting(t, testSecret, false, nobody), false: {Plain: nobody}} {
		synctest.Test(t, func(t *testing.T) {
			p := newPairOf(t, logOf(20, 1), slave, slog.New(slog.DiscardHandler))
			defer p.end()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			l := logOf(15, 1)
			n, err := Fetch(ctx, FetchOptions{Log: l, Peer: "s:1", Dial: p.dial, Trust: master})
			if got := err == nil && n == 5*testRecord; got != want {
				t.Errorf("secret %t: %d bytes, %v", want, n, err)
			}
		})
	}
}

// TestFetchFromAStockSlave: one of Apache's is silent to a hello; a master that has a secret as well has what it
// lost within the 10 s that it is given, of which some went to find the slave.
func TestFetchFromAStockSlave(t *testing.T) {
	trust := trusting(t, testSecret, false, only("10.0.0.1"))
	log := logOf(20, 1).bytes()
	synctest.Test(t, func(t *testing.T) {
		ln := newPipeListener()
		var running sync.WaitGroup
		running.Go(func() {
			for {
				nc, err := ln.Accept()
				if err != nil {
					return
				}
				running.Go(func() {
					defer nc.Close()
					var r reports
					b, begun := make([]byte, 512), false
					for {
						n, err := nc.Read(b)
						if end, ok := r.last(b[:n]); ok && end >= 0 && !begun {
							begun = true
							_, err = nc.Write(append(appendHeader(nil, header{end, len(log) - int(end)}), log[end:]...))
						}
						if err != nil {
							return
						}
					}
				})
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		n, err := Fetch(ctx, FetchOptions{Log: logOf(15, 1), Peer: "s:1", Trust: trust, Dial: func(context.Context, string) (net.Conn, error) {
			nc, err := ln.dial("10.0.0.2")
			if err != nil {
				return nil, err
			}
			return addressed{nc, net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:1"))}, nil
		}})
		if n != 5*testRecord || err != nil {
			t.Errorf("%d bytes are fetched, want %d: %v", n, 5*testRecord, err)
		}
		_ = ln.Close()
		running.Wait()
	})
}

// tapped keeps what goes over a connection.
type tapped struct {
	mu   sync.Mutex
	seen []byte
}

func (w *tapped) bytes() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.seen)
}

func (w *tapped) add(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, b...)
}

// A tap is a connection whose bytes are kept.
type tap struct {
	net.Conn
	to *tapped
}

func (c tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.to.add(b[:n])
	return n, err
}

// TestWhoIsTakenNoMoreIsNotLetIn: nor is one that came while it was configured, and is let in only
// when it is not any more.
func TestWhoIsTakenNoMoreIsNotLetIn(t *testing.T) {
	for _, side := range []string{"master", "slave", "nobody"} {
		synctest.Test(t, func(t *testing.T) {
			var p *pair
			var asked atomic.Int32
			once := func(changed func()) func(netip.Addr, netip.Addr) bool { // what is configured changes while it is looked at
				return func(netip.Addr, netip.Addr) bool {
					if asked.Add(1) > 1 {
						return false
					}
					changed()
					return true
				}
			}
			var master, slave Trust
			switch side {
			case "master":
				master.Plain = once(func() { p.master.PeersChanged() })
			case "slave":
				slave.Plain = once(func() { p.slave.PeersChanged() })
			}
			p = newPairOf(t, logOf(100, 1), master, slog.New(slog.DiscardHandler))
			defer p.end()
			p.trusts = slave
			p.follow(&memLog{})
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := len(p.conns()); (n > 0) != (side == "nobody") {
				t.Errorf("%s has changed whom it takes: %d connections", side, n)
			}
		})
	}
}
