package proof

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

func key(t testing.TB, secret string) *Key {
	t.Helper()
	k, err := NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const secret = "0123456789abcdef"

// claims are what a slave and its master say of themselves.
func claims() (slave, master Claim) {
	return Claim{Slave: true, Epoch: 6, Name: NameOf("plant"), Pin: Pin([]byte("s"))}, Claim{Epoch: 7, Name: NameOf("plant"), Pin: Pin([]byte("m"))}
}

// A talk is the four messages of two sides. change may change one on its way.
type talk struct {
	dials, listens *Key
	use, useThere  Use
	seal, sealHere bool
	change         func(message int, b []byte) []byte
	slave, master  Claim

	sealed        bool
	said          [4][]byte
	heard, answer Claim // by the listener, by the dialer
}

func newTalk(t testing.TB) *talk {
	k := &talk{dials: key(t, secret), listens: key(t, secret), use: Replication, useThere: Replication, change: func(_ int, b []byte) []byte { return b }}
	k.slave, k.master = claims()
	return k
}

// pass is a message on its way.
func (k *talk) pass(i int, b []byte) []byte {
	k.said[i] = bytes.Clone(b)
	return k.change(i, bytes.Clone(b))
}

// run returns what each side found: an error of either ends it.
func (k *talk) run() (dialer, listener error) {
	d := NewDialer(k.dials, k.use, k.seal)
	l, err := NewListener(k.listens, k.useThere, k.pass(0, d.Hello()), k.sealHere)
	if err != nil {
		return nil, err
	}
	if k.sealed, err = d.Challenged(k.pass(1, l.Challenge())); err != nil {
		return err, nil
	}
	his, verdict, err := l.Judge(k.pass(2, d.Proof(k.slave)), k.master)
	if k.heard = his; verdict == nil {
		return nil, err
	}
	k.answer, dialer = d.Verdict(k.pass(3, verdict))
	return dialer, err
}

func TestTwoHalvesBelieveEachOther(t *testing.T) {
	for _, tt := range []struct{ dialer, listener, sealed bool }{{false, false, false}, {true, false, true}, {false, true, true}, {true, true, true}} {
		k := newTalk(t)
		k.seal, k.sealHere = tt.dialer, tt.listener
		if d, l := k.run(); d != nil || l != nil {
			t.Fatalf("%+v: %v; %v", tt, d, l)
		}
		if k.heard != k.slave || k.answer != k.master || k.sealed != tt.sealed {
			t.Errorf("%+v: the listener heard %+v, the dialer %+v; sealed %t", tt, k.heard, k.answer, k.sealed)
		}
		for i, want := range []int{HelloSize, HelloSize, ProofSize, VerdictSize} {
			if len(k.said[i]) != want {
				t.Errorf("message %d has %d bytes, want %d", i, len(k.said[i]), want)
			}
		}
	}
}

func TestWhoHasNotTheSecretIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		set    func(*talk)
		dialer string // what it is told
	}{
		{"another secret", func(k *talk) { k.dials = key(t, secret+"x") }, "the peer has another secret"},
		{"another name", func(k *talk) { k.slave.Name = NameOf("other") }, "the peer is a broker of another name"},
	} {
		k := newTalk(t)
		tt.set(k)
		d, l := k.run()
		if !errors.Is(d, ErrRefused) || !errors.Is(l, ErrRefused) || !strings.Contains(d.Error(), tt.dialer) {
			t.Errorf("%s: %v; %v", tt.name, d, l)
		}
		if k.answer != (Claim{}) || k.heard != (Claim{}) {
			t.Errorf("%s: %+v; %+v", tt.name, k.answer, k.heard)
		}
		if !bytes.Equal(k.said[3][1:], make([]byte, VerdictSize-1)) {
			t.Errorf("%s: the refusal says %x", tt.name, k.said[3])
		}
	}
	k := newTalk(t)
	k.useThere = Requests
	if _, l := k.run(); !errors.Is(l, ErrMessage) {
		t.Errorf("another use: %v", l)
	}
}

// TestNoBitCanBeChanged: nor can a message be cut, or be longer.
func TestNoBitCanBeChanged(t *testing.T) {
	for message, size := range []int{HelloSize, HelloSize, ProofSize, VerdictSize} {
		for bit := range 8 * size {
			k := newTalk(t)
			k.change = func(i int, b []byte) []byte {
				if i == message {
					b[bit/8] ^= 1 << (bit % 8)
				}
				return b
			}
			if d, l := k.run(); d == nil && l == nil {
				t.Fatalf("message %d with bit %d changed is believed", message, bit)
			}
		}
		for _, n := range []int{0, 1, size - 1, size + 1, 4 * size} {
			k := newTalk(t)
			k.change = func(i int, b []byte) []byte {
				if i == message {
					b = append(b, make([]byte, 3*size)...)[:n]
				}
				return b
			}
			if d, l := k.run(); d == nil && l == nil {
				t.Fatalf("message %d of %d bytes is believed", message, n)
			}
		}
	}
}

// TestNothingCountsTwice: what was heard of one talk is of no use in another, to either side.
func TestNothingCountsTwice(t *testing.T) {
	old := newTalk(t)
	if d, l := old.run(); d != nil || l != nil {
		t.Fatal(d, l)
	}
	for _, replayed := range [][]int{{0}, {1}, {2}, {3}, {0, 2}, {1, 3}, {2, 3}} {
		k := newTalk(t)
		k.change = func(i int, b []byte) []byte {
			for _, r := range replayed {
				if r == i {
					return old.said[i]
				}
			}
			return b
		}
		if d, l := k.run(); d == nil && l == nil {
			t.Errorf("messages %v of another talk are believed", replayed)
		}
	}
	l, err := NewListener(key(t, secret), Replication, old.said[0], false) // the dialer's part, played again
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Judge(old.said[2], old.master); !errors.Is(err, ErrRefused) {
		t.Errorf("a dialer's part played again: %v", err)
	}
}

// TestNothingComesBack: who has no secret cannot use what a half says to answer that half.
func TestNothingComesBack(t *testing.T) {
	d := NewDialer(key(t, secret), Replication, false)
	slave, master := claims()
	if _, err := d.Challenged(d.Hello()); err != nil { // its own hello, which looks like a challenge
		t.Fatal(err)
	}
	p := d.Proof(slave)
	if _, err := d.Verdict(append([]byte{proven}, p...)); !errors.Is(err, ErrRefused) {
		t.Errorf("the own proof as a verdict: %v", err)
	}
	// A half that is made to dial another one while it listens: its proof there is none here.
	l, err := NewListener(key(t, secret), Replication, newHello(Replication, false), false)
	if err != nil {
		t.Fatal(err)
	}
	lured := NewDialer(key(t, secret), Replication, false)
	if _, err := lured.Challenged(l.Challenge()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Judge(lured.Proof(master), master); !errors.Is(err, ErrRefused) {
		t.Errorf("a proof behind another hello: %v", err)
	}
}

// TestAHelloIsNoReport: a stock master takes each 8 bytes for an offset, and starts nothing
// at one below zero.
func TestAHelloIsNoReport(t *testing.T) {
	for range 200 {
		hello := NewDialer(key(t, secret), Replication, true).Hello()
		for at := 0; at < len(hello); at += 8 {
			if off := int64(binary.BigEndian.Uint64(hello[at:])); off >= 0 {
				t.Fatalf("offset %d at byte %d of %x", off, at, hello)
			} else if at == len(hello)-8 && off != -1 {
				t.Fatalf("the last offset is %d, want -1", off)
			}
		}
	}
}

// TestTLSIsNotTalkedOut: who sits between cannot have a side do without.
func TestTLSIsNotTalkedOut(t *testing.T) {
	for _, both := range []bool{false, true} {
		k := newTalk(t)
		k.seal = true
		k.change = func(i int, b []byte) []byte {
			if i == 0 || i == 1 && both {
				b[7] ^= flagSealed
			}
			return b
		}
		if d, l := k.run(); !errors.Is(d, ErrRefused) && !errors.Is(l, ErrRefused) {
			t.Errorf("both %t: %v; %v", both, d, l)
		}
	}
}

// TestADialerInsists: on TLS, and on the name, whatever one says who has the secret.
func TestADialerInsists(t *testing.T) {
	k := key(t, secret)
	d := NewDialer(k, Replication, true)
	if _, err := d.Challenged(newHello(Replication, false)); !errors.Is(err, ErrRefused) {
		t.Errorf("a challenge without TLS: %v", err)
	}
	slave, master := claims()
	for name, ok := range map[string]bool{"plant": true, "other": false} {
		d := NewDialer(k, Replication, false)
		challenge := newHello(Replication, false)
		if _, err := d.Challenged(challenge); err != nil {
			t.Fatal(err)
		}
		p := d.Proof(slave)
		master.Name = NameOf(name)
		claim := master.appendTo(nil)
		verdict := append(append([]byte{proven}, claim...), k.sum(listens, d.Hello(), challenge, p, []byte{proven}, claim)...)
		if _, err := d.Verdict(verdict); (err == nil) != ok || !ok && !errors.Is(err, ErrRefused) {
			t.Errorf("a verdict of %s: %v", name, err)
		}
	}
}

func TestWhatASecretCanBe(t *testing.T) {
	long := strings.Repeat(secret, MostSecret/len(secret))
	for text, ok := range map[string]bool{
		"": false, secret[:15]: false, secret: true, long: true, long + "x": false,
		string(make([]byte, 32)): false, secret + "\x00": false, strings.Repeat("a", 32): false, strings.Repeat("a", 31) + "b": true,
	} {
		k, err := NewKey([]byte(text))
		if (err == nil) != ok || !ok && !errors.Is(err, ErrSecret) {
			t.Errorf("%.40q, of %d bytes: %v", text, len(text), err)
		}
		if ok && strings.Contains(fmt.Sprint(k), "0") {
			t.Errorf("it prints as %v", k)
		}
	}
}

func seal(t testing.TB) *Seal {
	t.Helper()
	s, err := NewSeal()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestASealIsACertificate: of X.509, as others read it.
func TestASealIsACertificate(t *testing.T) {
	c, err := x509.ParseCertificate(seal(t).cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil || c.SignatureAlgorithm != x509.PureEd25519 {
		t.Errorf("its signature, %v: %v", c.SignatureAlgorithm, err)
	}
	if c.Version != 3 || c.NotBefore.Year() != 1970 || c.NotAfter.Year() != 9999 || c.SerialNumber.Int64() != 1 {
		t.Errorf("version %d, number %d, from %v to %v", c.Version, c.SerialNumber, c.NotBefore, c.NotAfter)
	}
}

// TestASealShowsWhoItIs: TLS stands between the two whose certificates were claimed, and
// nobody else.
func TestASealShowsWhoItIs(t *testing.T) {
	a, b, other := seal(t), seal(t), seal(t)
	for _, tt := range []struct {
		name           string
		ofA, ofB       *Seal // that the other one expects
		dialer, accept bool
	}{
		{"both", a, b, true, true}, {"another dials", other, b, true, false}, {"another listens", a, other, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			one, two := net.Pipe()
			defer one.Close()
			for _, nc := range []net.Conn{one, two} {
				if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
					t.Fatal(err)
				}
			}
			accepted := make(chan error, 1)
			go func() {
				defer two.Close()
				c, err := b.Accepted(two, &Claim{Pin: tt.ofA.Pin()})
				if err == nil {
					_, err = c.Write([]byte("log"))
				}
				accepted <- err
			}()
			c, err := a.Dialled(one, &Claim{Pin: tt.ofB.Pin()})
			var got [3]byte
			if err == nil {
				_, err = c.Read(got[:])
			}
			if ok := err == nil && string(got[:]) == "log"; ok != (tt.dialer && tt.accept) {
				t.Errorf("the dialer has %q, %v", got, err)
			}
			one.Close()
			if err := <-accepted; (err == nil) != tt.accept {
				t.Errorf("the listener has %v", err)
			}
			if tt.accept {
				if v := c.ConnectionState().Version; v != tls.VersionTLS13 {
					t.Errorf("version %x", v)
				}
			}
		})
	}
}

// FuzzListener is a stranger who says anything: it is never believed, and told nothing
// that is made of the secret.
func FuzzListener(f *testing.F) {
	k := newTalk(f)
	_, _ = k.run()
	f.Add(k.said[0], k.said[2])
	f.Add([]byte{0xff}, []byte{})
	secret := key(f, secret)
	f.Fuzz(func(t *testing.T, hello, proof []byte) {
		l, err := NewListener(secret, Replication, hello, false)
		if err != nil {
			return
		}
		_, verdict, err := l.Judge(proof, k.master)
		if err == nil {
			t.Fatalf("%x and %x are believed", hello, proof)
		}
		if verdict != nil && !bytes.Equal(verdict[1:], make([]byte, VerdictSize-1)) {
			t.Fatalf("a stranger is told %x", verdict)
		}
	})
}

// FuzzDialer is a stranger who listens, and says anything.
func FuzzDialer(f *testing.F) {
	k := newTalk(f)
	_, _ = k.run()
	f.Add(k.said[1], k.said[3])
	f.Add(k.said[0], append([]byte{0}, k.said[2]...))
	secret := key(f, secret)
	f.Fuzz(func(t *testing.T, challenge, verdict []byte) {
		d := NewDialer(secret, Replication, false)
		if _, err := d.Challenged(challenge); err != nil {
			return
		}
		d.Proof(k.slave)
		if his, err := d.Verdict(verdict); err == nil {
			t.Fatalf("%x and %x are believed: %+v", challenge, verdict, his)
		}
	})
}

// FuzzClaim reads a claim: what is accepted is written the same.
func FuzzClaim(f *testing.F) {
	slave, master := claims()
	f.Add(slave.appendTo(nil))
	f.Add(master.appendTo(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < claimSize {
			return
		}
		c, err := parseClaim(in)
		if err == nil && !bytes.Equal(c.appendTo(nil), in[:claimSize]) {
			t.Errorf("%x is read as %+v", in, c)
		}
	})
}
