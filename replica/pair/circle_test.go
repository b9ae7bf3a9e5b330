package pair

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/remoting"
	"pairmq/replica/proof"
)

func secretKey(t *testing.T, secret string) *proof.Key {
	t.Helper()
	k, err := proof.NewKey([]byte(secret))
	must(t, err)
	return k
}

func claimOf(name string) func() proof.Claim {
	return func() proof.Claim { return proof.Claim{Name: proof.NameOf(name), Epoch: 3} }
}

// at is where a broker is.
func at(addr string) func(*remoting.Conn) []netip.AddrPort {
	return func(*remoting.Conn) []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(addr)} }
}

// A guarded is a broker that answers the other half alone.
type guarded struct {
	members *Members

	mu     sync.Mutex
	conn   *remoting.Conn // that asked last
	proofs int            // requests 31012
}

func (l *lan) guard(addr string, m *Members) *guarded {
	g := &guarded{members: m}
	l.serve(addr, func(req *remoting.Request) {
		g.mu.Lock()
		g.conn = req.Conn()
		g.mu.Unlock()
		if req.Code != remoting.ReqProveHalf {
			if !m.Has(req.Conn()) {
				req.ReplyError(remoting.RespNoPermission, "a stranger")
				return
			}
			req.Reply(&remoting.Response{Body: []byte("for halves")})
			return
		}
		g.mu.Lock()
		g.proofs++
		g.mu.Unlock()
		answer, err := m.Answer(req.Conn(), req.Body)
		switch {
		case errors.Is(err, ErrPlain):
			req.ReplyError(remoting.RespRequestCodeNotSupported, "no")
		case answer == nil:
			req.ReplyError(remoting.RespNoPermission, err.Error())
		default:
			req.Reply(&remoting.Response{Body: answer})
		}
	})
	return g
}

// counts returns how many connections it knows anything of, and how many proofs it was asked for.
func (g *guarded) counts() (conns, proofs int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members.mu.Lock()
	defer g.members.mu.Unlock()
	return len(g.members.conns), g.proofs
}

const secretOne = "0123456789abcdef"

// TestACircle: whom a half asks, and who answers it.
func TestACircle(t *testing.T) {
	all, none := func(netip.Addr, netip.Addr) bool { return true }, func(netip.Addr, netip.Addr) bool { return false }
	one, two := secretKey(t, secretOne), secretKey(t, secretOne+"x")
	for _, tt := range []struct {
		name        string
		plain       func(netip.Addr, netip.Addr) bool
		here, there *proof.Key
		told        string // the name that the other one has
		err         string // "": it is asked
		answered    bool
	}{
		{"both have the secret", none, one, one, "box", "", true},
		{"another secret", none, one, two, "box", "the peer has another secret", false},
		{"another secret, configured", all, one, two, "box", "the peer has another secret", false},
		{"another name", none, one, one, "bax", "a broker of another name", false},
		{"no secret there", none, one, nil, "box", "knows of no secret", false},
		{"no secret there, configured", all, one, nil, "box", "", false},
		{"no secret here", none, nil, one, "box", "haPeers", false},
		{"no secret, configured", all, nil, nil, "box", "", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLAN(t)
			defer l.close()
			g := l.guard(addrB, NewMembers(tt.there, claimOf(tt.told), at(addrB)))
			client := remoting.NewClient(remoting.ClientOptions{Dial: l.dial})
			defer client.Close()
			c := NewCircle(CircleOptions{Conns: client, Plain: tt.plain, Key: tt.here, Claim: claimOf("box")})
			for range 3 {
				resp, err := c.Call(t.Context(), addrB, &remoting.Command{Code: remoting.ReqExchangePairState})
				switch {
				case tt.err != "" && (!errors.Is(err, ErrOutsider) || !strings.Contains(err.Error(), tt.err)):
					t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
				case tt.err == "" && (err != nil || (resp.Code == remoting.RespSuccess) != tt.answered):
					t.Errorf("%s: %+v, %v", tt.name, resp, err)
				}
			}
			if conns, proofs := g.counts(); tt.answered && (conns != 1 || proofs != 2) || !tt.answered && conns > 1 {
				t.Errorf("%s: %d connections are known after %d requests for proofs", tt.name, conns, proofs)
			}
			if tt.answered { // a connection that ends is forgotten, here and there
				conn, err := client.Conn(t.Context(), addrB)
				must(t, err)
				_ = conn.Close()
				g.members.Closed(g.conn)
				if _, err := c.Call(t.Context(), addrB, &remoting.Command{Code: remoting.ReqExchangePairState}); err != nil {
					t.Errorf("%s: a new connection: %v", tt.name, err)
				}
				c.mu.Lock()
				known := len(c.known)
				c.mu.Unlock()
				if conns, proofs := g.counts(); conns != 1 || proofs != 4 || known != 1 {
					t.Errorf("%s: %d and %d connections are known after %d requests for proofs", tt.name, known, conns, proofs)
				}
			}
		})
	}
}

// TestOneProofForAll: who asks while a connection is proven waits for that, as long as he has time.
func TestOneProofForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		defer l.close()
		key := secretKey(t, secretOne)
		g := l.guard(addrB, NewMembers(key, claimOf("box"), at(addrB)))
		client := remoting.NewClient(remoting.ClientOptions{Dial: l.dial})
		defer client.Close()
		c := NewCircle(CircleOptions{Conns: client, Plain: func(netip.Addr, netip.Addr) bool { return false }, Key: key, Claim: claimOf("box")})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				resp, err := c.Call(t.Context(), addrB, &remoting.Command{Code: remoting.ReqExchangePairState})
				if err != nil || string(resp.Body) != "for halves" {
					t.Errorf("%+v, %v", resp, err)
				}
			})
		}
		wg.Wait()
		if _, proofs := g.counts(); proofs != 2 {
			t.Errorf("%d requests for proofs, want 2", proofs)
		}
		conn, err := client.Conn(t.Context(), addrB)
		must(t, err)
		<-c.acquaintance(conn).turn // as if one were being proven
		ctx, cancel := context.WithTimeout(t.Context(), askTime)
		defer cancel()
		if _, err := c.Conn(ctx, addrB); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Conn = %v", err)
		}
	})
}

// TestMembersAreNotFooled: what a stranger sends in place of a proof.
func TestMembersAreNotFooled(t *testing.T) {
	key := secretKey(t, secretOne)
	d := proof.NewDialer(key, proof.Requests, false)
	elsewhere := NewMembers(key, claimOf("box"), at(addrB))
	challenge, err := elsewhere.Answer(new(remoting.Conn), d.Hello())
	must(t, err)
	if _, err := d.Challenged(challenge); err != nil {
		t.Fatal(err)
	}
	claim := claimOf("box")()
	claim.Pin = proof.DialledOf(netip.MustParseAddrPort(addrB))
	good := d.Proof(claim)
	other := proof.NewDialer(key, proof.Replication, false).Hello()
	for name, bodies := range map[string][][]byte{
		"nothing": {nil}, "a proof alone": {good}, "a hello": {d.Hello()}, "a proof for another challenge": {d.Hello(), good}, "a proof behind a wrong one": {d.Hello(), make([]byte, proof.ProofSize), good},
		"a hello for replication": {other}, "64 KiB": {make([]byte, 64<<10)},
	} {
		m, conn := NewMembers(key, claimOf("box"), at(addrB)), new(remoting.Conn)
		for _, b := range bodies {
			_, err = m.Answer(conn, b)
		}
		if m.Has(conn) || err != nil && !errors.Is(err, ErrOutsider) {
			t.Errorf("%s: believed %t, %v", name, m.Has(conn), err)
		}
	}
	m, conn, twice := NewMembers(key, claimOf("box"), at(addrB)), new(remoting.Conn), proof.NewDialer(key, proof.Requests, false)
	challenge, err = m.Answer(conn, twice.Hello())
	must(t, err)
	if _, err := twice.Challenged(challenge); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Answer(conn, make([]byte, proof.ProofSize)); !errors.Is(err, ErrOutsider) {
		t.Errorf("a wrong proof: %v", err)
	}
	if _, err := m.Answer(conn, twice.Proof(claimOf("box")())); !errors.Is(err, ErrOutsider) || m.Has(conn) {
		t.Errorf("a second proof for one challenge: %v", err)
	}
	if m := NewMembers(key, claimOf("box"), at(addrB)); m.Has(new(remoting.Conn)) {
		t.Error("who has said nothing is believed")
	}
}

// TestWhoPassesTheProofOn: a stranger that a name server has named passes what the other half asks on to the
// genuine one; so he would be taken for each by the other.
func TestWhoPassesTheProofOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		defer l.close()
		key := secretKey(t, secretOne)
		g := l.guard(addrB, NewMembers(key, claimOf("box"), at(addrB)))
		up := remoting.NewClient(remoting.ClientOptions{Dial: l.dial})
		defer up.Close()
		l.serve(addrC, func(req *remoting.Request) {
			resp, err := up.Call(context.Background(), addrB, &remoting.Command{Code: req.Code, Body: bytes.Clone(req.Body)})
			if err != nil {
				t.Error(err)
				return
			}
			req.Reply(&remoting.Response{Code: resp.Code, Body: resp.Body})
		})
		client := remoting.NewClient(remoting.ClientOptions{Dial: l.dial})
		defer client.Close()
		c := NewCircle(CircleOptions{Conns: client, Plain: func(netip.Addr, netip.Addr) bool { return false }, Key: key, Claim: claimOf("box")})
		if _, err := c.Conn(t.Context(), addrC); !errors.Is(err, ErrOutsider) || !strings.Contains(err.Error(), "passed the proof on") {
			t.Errorf("who passes it on is taken for the other half: %v", err)
		}
		if resp, err := up.Call(t.Context(), addrB, &remoting.Command{Code: remoting.ReqReadLog}); err != nil || resp.Code != remoting.RespNoPermission {
			t.Errorf("the other half answers him: %+v, %v", resp, err)
		}
		if _, proofs := g.counts(); proofs != 2 {
			t.Errorf("%d requests for proofs were passed on, want 2", proofs)
		}
		if _, err := c.Conn(t.Context(), addrB); err != nil {
			t.Errorf("the genuine one itself: %v", err)
		}
	})
}

// TestOutsidersAreNotBelieved: a master that a name server invents cannot make this one give way.
func TestOutsidersAreNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN(t)
		defer l.close()
		a := l.newHalf(stateOf(addrA, SyncMaster, 1))
		liar := stateOf(addrB, SyncMaster, 99)
		body, err := liar.Encode()
		must(t, err)
		l.serve(addrB, func(r *remoting.Request) {
			if r.Code == remoting.ReqProveHalf {
				r.ReplyError(remoting.RespRequestCodeNotSupported, "no")
				return
			}
			r.Reply(&remoting.Response{Body: body})
		})
		a.others = []string{addrB}
		a.pair.opts.Client = NewCircle(CircleOptions{Conns: a.client, Plain: func(netip.Addr, netip.Addr) bool { return false }, Key: secretKey(t, secretOne), Claim: claimOf("box")})
		for range 3 {
			a.pair.Round(t.Context())
		}
		if _, by, _ := a.seen(); by != nil {
			t.Errorf("superseded by %q", by)
		}
		if o := a.pair.Outsider(); o.Addr != addrB || !errors.Is(o.Why, ErrOutsider) || !o.When.Equal(time.Now()) {
			t.Errorf("Outsider() = %+v", o)
		}
		if n := strings.Count(a.log.String(), "nor believed"); n != 1 || !strings.Contains(a.log.String(), "haPeers") {
			t.Errorf("%d lines tell of it:\n%s", n, a.log)
		}
		a.pair.opts.Client = a.client // as before there were circles
		a.pair.Round(t.Context())
		if _, by, _ := a.seen(); by == nil {
			t.Error("the liar is not believed without a circle: the test shows nothing")
		}
		if o := a.pair.Outsider(); o.Addr != "" || !o.When.IsZero() {
			t.Errorf("who answers now is an outsider still: %+v", o)
		}
	})
}
