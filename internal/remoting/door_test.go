package remoting

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pairmq/internal/certs"
)

// serverTLS is how a server of tests shakes hands.
func serverTLS(tb testing.TB) *tls.Config {
	tb.Helper()
	a, _, err := certs.NewAuthority("tests", time.Now().Add(time.Hour))
	if err != nil {
		tb.Fatal(err)
	}
	p, err := a.Server("server", []string{"server"}, a.Until())
	if err != nil {
		tb.Fatal(err)
	}
	own, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		tb.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{own}, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true}
}

// anyServer is how a client shakes hands that takes every server.
func anyServer(string) *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// options is those of a server that echoes, in a mode.
func (m TLSMode) options(c *tls.Config) ServerOptions {
	return ServerOptions{Handler: HandlerFunc(echo), TLS: m, TLSConfig: func() *tls.Config { return c }}
}

func TestWhoIsLetIn(t *testing.T) {
	tests := []struct {
		name       string
		mode       TLSMode
		plain, tls string // why connections end; "" if they are served
	}{
		{"disabled", TLSDisabled, "", "peer speaks TLS, which is disabled"},
		{"permissive", TLSPermissive, "", ""},
		{"enforcing", TLSEnforcing, "peer does not speak TLS, which is enforced", ""},
	}
	for _, tt := range tests {
		for peer, want := range map[string]string{"plain": tt.plain, "tls": tt.tls} {
			t.Run(tt.name+" "+peer, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, tt.mode.options(serverTLS(t)))
					opts := ClientOptions{}
					if peer == "tls" {
						opts.TLS = anyServer
					}
					body := strings.Repeat("x", 100<<10)
					resp, err := r.client(opts).Call(t.Context(), "server:1", &Command{Body: []byte(body)})
					if want != "" {
						if err == nil {
							t.Error("it was served")
						}
						r.log.expect(t, 1, "connection dropped", want)
						return
					}
					if err != nil || string(resp.Body) != body {
						t.Fatalf("Call: %v, want the body back", err)
					}
					r.log.expect(t, 0, "")
				})
			})
		}
	}
}

// What enforcing refuses is not read on: not even a whole request is served.
func TestARequestInPlainTextIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served atomic.Int32
		o := TLSEnforcing.options(serverTLS(t))
		o.Handler = HandlerFunc(func(*Request) { served.Add(1) })
		r := newRig(t, o)
		p := r.dial()
		p.send(Command{})
		p.expectClosed()
		synctest.Wait()
		if served.Load() != 0 {
			t.Error("a request in plain text was served")
		}
	})
}

// hello is the first flight of a client.
func hello(t *testing.T) []byte {
	near, far := net.Pipe()
	defer far.Close()
	go func() { _ = tls.Client(near, anyServer("")).Handshake(); near.Close() }()
	b := make([]byte, 16<<10)
	n, err := far.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// A client that stops within its handshake is left after FirstFrameTime, and costs no
// one else anything.
func TestAHandshakeThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, TLSPermissive.options(serverTLS(t)))
		first := hello(t)
		for _, n := range []int{1, 5, len(first) / 2, len(first) - 1} {
			p := r.dial()
			p.write(first[:n])
			other := r.dial()
			other.send(Command{Opaque: 1})
			other.expect(1, RespSuccess)
			begin := time.Now()
			p.expectClosed()
			if took := time.Since(begin); took != 5*time.Second {
				t.Errorf("%d of %d bytes of a ClientHello: hung up after %v, want 5 s", n, len(first), took)
			}
		}
		r.log.expect(t, 4, "connection dropped", "TLS handshake took too long")
	})
}

// The same where it is the server's answer that is not read.
func TestAHandshakeThatIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, TLSPermissive.options(serverTLS(t)))
		p := r.dial()
		p.write(hello(t))
		time.Sleep(6 * time.Second)
		p.expectClosed()
		r.log.expect(t, 1, "connection dropped", "TLS handshake took too long")
	})
}

// drips sends a byte at a time.
type drips struct{ net.Conn }

func (d drips) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func TestAHandshakeInDrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, TLSEnforcing.options(serverTLS(t)))
		resp, err := r.client(ClientOptions{TLS: anyServer, Dial: func(context.Context, string, string) (net.Conn, error) {
			return drips{r.ln.connect(nil)}, nil
		}}).Call(t.Context(), "server:1", &Command{Body: []byte("drop by drop")})
		if err != nil || string(resp.Body) != "drop by drop" {
			t.Errorf("Call: %v, want the body back", err)
		}
	})
}

// A stop does not wait for those who have not finished their handshake.
func TestShutdownDuringAHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, TLSPermissive.options(serverTLS(t)))
		p := r.dial()
		p.write(hello(t)[:20])
		synctest.Wait()
		begin := time.Now()
		if err := r.srv.Shutdown(t.Context()); err != nil || time.Since(begin) > 2*time.Second {
			t.Errorf("Shutdown: %v after %v, want nil within 2 s", err, time.Since(begin))
		}
		r.log.expect(t, 0, "connection dropped") // it was not the peer's fault
	})
}

// A stop has the answers leave.
func TestDrainOverTLS(t *testing.T) {
	proceed, down := make(chan struct{}), make(chan error, 1)
	reqs := make(chan struct{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := TLSEnforcing.options(serverTLS(t))
	o.Handler = HandlerFunc(func(req *Request) {
		close(reqs)
		go func() { <-proceed; req.Reply(&Response{Body: make([]byte, 300<<10)}) }()
	})
	srv := NewServer(o)
	go func() { _ = srv.Serve(t.Context(), ln) }()
	nc, err := tls.Dial("tcp", ln.Addr().String(), anyServer(""))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	p := &peer{t, nc}
	p.send(Command{Opaque: 1})
	<-reqs
	go func() { down <- srv.Shutdown(context.Background()) }()
	close(proceed)
	if c := p.expect(1, RespSuccess); len(c.Body) != 300<<10 {
		t.Errorf("the body has %d bytes, want %d", len(c.Body), 300<<10)
	}
	p.expectClosed()
	_ = nc.Close()
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v, want nil", err)
	}
}

// Bodies that are lent, as those of messages are that were read from the log, leave
// whole, between headers, however large, and are given back.
func TestLentBodiesOverTLS(t *testing.T) {
	lent := make([]byte, 1<<20+17)
	for i := range lent {
		lent[i] = byte(i * 7)
	}
	var released atomic.Int32
	o := TLSEnforcing.options(serverTLS(t))
	o.Handler = HandlerFunc(func(req *Request) {
		n := int(req.Opaque) * 50_000
		req.Reply(&Response{Remark: "with a remark", Body: lent[:n], Release: func() { released.Add(1) }})
	})
	addr := startServer(t, o)
	cl := NewClient(ClientOptions{TLS: anyServer})
	defer cl.Close()
	c, err := cl.Conn(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	const calls = 20
	got := make(chan *Command, calls)
	for range calls {
		c.Go(&Command{}, 20*time.Second, func(cmd *Command, err error) {
			if err != nil {
				t.Errorf("Go: %v", err)
			}
			got <- cmd
		})
	}
	for range calls {
		cmd := <-got
		if cmd == nil {
			continue
		}
		if n := int(cmd.Opaque) * 50_000; string(cmd.Body) != string(lent[:n]) || cmd.Remark != "with a remark" {
			t.Errorf("answer %d has %d bytes, want the %d that were lent", cmd.Opaque, len(cmd.Body), n)
		}
	}
	_ = cl.Close()
	if n := released.Load(); n != calls {
		t.Errorf("%d of %d bodies were given back", n, calls)
	}
}

// A connection that is up goes on when the certificates change; the next has the new.
func TestNewCertificatesWhileConnectionsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := serverTLS(t), serverTLS(t)
		var now atomic.Pointer[tls.Config]
		now.Store(first)
		o := TLSEnforcing.options(nil)
		o.TLSConfig = now.Load
		r := newRig(t, o)
		// dial returns a client, and the certificate that it was shown.
		dial := func() (*Client, *atomic.Pointer[x509.Certificate]) {
			var shown atomic.Pointer[x509.Certificate]
			return r.client(ClientOptions{TLS: func(string) *tls.Config {
				c := anyServer("")
				c.VerifyConnection = func(cs tls.ConnectionState) error { shown.Store(cs.PeerCertificates[0]); return nil }
				return c
			}}), &shown
		}
		call := func(cl *Client) {
			if _, err := cl.Call(t.Context(), "server:1", &Command{}); err != nil {
				t.Errorf("Call: %v", err)
			}
		}
		old, oldShown := dial()
		call(old)
		was := oldShown.Load()
		now.Store(second)
		fresh, freshShown := dial()
		call(fresh)
		call(old)
		if oldShown.Load() != was || freshShown.Load() == nil || freshShown.Load().Equal(was) {
			t.Error("the old connection has shaken hands again, or the new one with the old certificate")
		}
	})
}

// Silence ends a connection over TLS as any other.
func TestIdleOverTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, TLSEnforcing.options(serverTLS(t)))
		nc := tls.Client(r.ln.connect(nil), anyServer(""))
		if err := nc.Handshake(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read: %v, want the end", err)
		}
		if took := time.Since(begin); took != 120*time.Second {
			t.Errorf("hung up after %v, want 120 s", took)
		}
	})
}

// A frame that stalls after the handshake is bounded as over plain connections, though
// deadlines have passed on the way.
func TestAFrameThatStallsOverTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, TLSEnforcing.options(serverTLS(t)))
		p := &peer{t, tls.Client(r.ln.connect(nil), anyServer(""))}
		frame := AppendCommand(nil, &Command{Opaque: 1})
		p.write(frame)
		p.expect(1, RespSuccess)
		time.Sleep(100 * time.Second)
		p.write(frame[:len(frame)/2])
		time.Sleep(20 * time.Second)
		p.write(frame[len(frame)/2:])
		p.expect(1, RespSuccess)
		p.write(frame[:len(frame)/2])
		p.expectClosed()
		r.log.expect(t, 1, "connection dropped", "frame took too long to arrive")
	})
}

// A client that wants TLS says so where there is none, and sends nothing.
func TestTLSClientAtAPlainServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served atomic.Int32
		r := newRig(t, ServerOptions{Handler: HandlerFunc(func(*Request) { served.Add(1) })})
		_, err := r.client(ClientOptions{TLS: anyServer}).Call(t.Context(), "server:1", &Command{})
		if err == nil || !strings.Contains(err.Error(), "TLS handshake") || served.Load() > 0 {
			t.Errorf("Call: %v, want a complaint about the handshake", err)
		}
	})
}

// One that hears nothing at all gives up after its DialTimeout.
func TestTLSClientThatIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		cl := NewClient(ClientOptions{TLS: anyServer, Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil }})
		defer cl.Close()
		begin := time.Now()
		_, err := cl.Conn(t.Context(), "server:1")
		if took := time.Since(begin); err == nil || took != 3*time.Second {
			t.Errorf("Conn: %v after %v, want an error after 3 s", err, took)
		}
	})
}

// flood sends records of a handshake message of size bytes, and returns how many bytes of
// it were taken before the server hung up.
func (p *peer) flood(size int) (taken int) {
	const piece = 4000
	body := append([]byte{1, byte(size >> 16), byte(size >> 8), byte(size)}, make([]byte, size)...)
	for len(body) > 0 {
		n := min(piece, len(body))
		record := append([]byte{handshakeRecord, 3, 1, byte(n >> 8), byte(n)}, body[:n]...)
		if _, err := p.nc.Write(record); err != nil {
			return taken
		}
		taken, body = taken+n, body[n:]
	}
	return taken
}

// Whoever is not let in yet has the server keep little for him.
func TestAHandshakeWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, TLSEnforcing.options(serverTLS(t)))
		p := r.dial()
		if n := p.flood(60_000); n > handshakeBytes {
			t.Errorf("%d bytes of a ClientHello were taken, want at most %d", n, handshakeBytes)
		}
		synctest.Wait()
		r.log.expect(t, 1, "connection dropped", "peer sends too much before it is let in")
	})
}

// Many who stall within large handshakes take no more than there is for what is being
// received, and keep out nobody whose own is small.
func TestManyHandshakesThatStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := TLSEnforcing.options(serverTLS(t))
		o.Limits.BytesInFlight = 1 << 20
		r := newRig(t, o)
		for range 100 { // a record of 10,000 bytes of which none come
			r.dial().write([]byte{handshakeRecord, 3, 1, 10_000 >> 8, 10_000 & 0xff})
		}
		synctest.Wait()
		used := r.srv.Stats().Bytes
		if most := int64(1<<20/2 + handshakeCost); used < handshakeCost || used > most {
			t.Errorf("%d bytes are counted for 100 handshakes, want at most %d, and some", used, most)
		}
		begin := time.Now()
		if _, err := r.client(ClientOptions{TLS: anyServer}).Call(t.Context(), "server:1", &Command{}); err != nil || time.Since(begin) > 0 {
			t.Errorf("Call: %v after %v, want an answer at once", err, time.Since(begin))
		}
		time.Sleep(handshakeWait + 5*time.Second)
		synctest.Wait()
		if n := r.srv.Stats(); n.Bytes != 0 || n.Conns != 1 {
			t.Errorf("after a while there are %d bytes of %d connections, want none of the client's", n.Bytes, n.Conns)
		}
	})
}

// A client whose certificates are large is let in.
func TestALargeHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serverTLS(t)
		own := c.Certificates[0]
		for range 12 {
			own.Certificate = append(own.Certificate, own.Certificate[0])
		}
		c.ClientAuth = tls.RequireAnyClientCert
		r := newRig(t, TLSEnforcing.options(c))
		_, err := r.client(ClientOptions{TLS: func(string) *tls.Config {
			return &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{own}}
		}}).Call(t.Context(), "server:1", &Command{Body: make([]byte, 100<<10)})
		if err != nil {
			t.Errorf("Call: %v", err)
		}
	})
}

// A holds lets the first write out, and the rest at once when it is let go.
type holds struct {
	net.Conn
	begun bool
	kept  []byte
}

func (h *holds) Write(p []byte) (int, error) {
	if !h.begun {
		h.begun = true
		return h.Conn.Write(p)
	}
	h.kept = append(h.kept, p...)
	return len(p), nil
}

// A client may send its first request with the end of its handshake, however large.
func TestARequestBehindTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, TLSEnforcing.options(serverTLS(t)))
		h := &holds{Conn: r.ln.connect(nil)}
		p := &peer{t, tls.Client(h, anyServer(""))}
		defer h.Close()
		p.send(Command{Opaque: 1, Body: make([]byte, 100<<10)})
		go func() { _, _ = h.Conn.Write(h.kept) }()
		p.expect(1, RespSuccess)
	})
}

// unreadable is a certificate that says much, and that nobody can read.
func unreadable(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long := "x://x/%" + strings.Repeat("\x01", 3000)
	names, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(long)}})
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: names}}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// What a stranger writes into his certificate does not fill the log, on either side.
func TestACertificateThatSaysTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := serverTLS(t)
		c.ClientAuth = tls.RequestClientCert
		r := newRig(t, TLSEnforcing.options(c))
		own := unreadable(t)
		cl := r.client(ClientOptions{TLS: func(string) *tls.Config {
			return &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }}
		}})
		if _, err := cl.Call(t.Context(), "server:1", &Command{}); err == nil {
			t.Error("it was let in")
		}
		synctest.Wait()
		r.log.expect(t, 1, "connection dropped", "failed to parse client certificate")
		if n := r.log.text.Len(); n > 1500 {
			t.Errorf("the log has %d bytes of it", n)
		}
		c.Certificates = []tls.Certificate{own}
		_, err := r.client(ClientOptions{TLS: anyServer}).Call(t.Context(), "server:1", &Command{})
		if err == nil || !strings.Contains(err.Error(), "failed to parse certificate") || len(err.Error()) > 1000 {
			t.Errorf("Call: %.200v, want a complaint about the certificate of at most 1,000 bytes", err)
		}
	})
}

// Whoever is refused hears why, though by TLS 1.3 his first request is on its way then.
func TestWhyAClientIsRefused(t *testing.T) {
	c := serverTLS(t)
	c.ClientAuth = tls.RequireAnyClientCert
	addr := startServer(t, TLSEnforcing.options(c))
	for range 10 {
		cl := NewClient(ClientOptions{TLS: anyServer})
		_, err := cl.Call(t.Context(), addr, &Command{Body: make([]byte, 1<<20)})
		if err == nil || !strings.Contains(err.Error(), "certificate required") {
			t.Errorf("Call: %v, want that a certificate is required", err)
		}
		_ = cl.Close()
	}
}

// expand derives from a secret of TLS 1.3.
func expand(t *testing.T, secret []byte, label string, n int) []byte {
	t.Helper()
	label = "tls13 " + label
	out, err := hkdf.Expand(sha256.New, secret, string([]byte{0, byte(n), byte(len(label))})+label+"\x00", n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sealed is the first record of TLS 1.3 under a secret, with AES-128-GCM.
func sealed(t *testing.T, secret []byte, kind byte, content []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(expand(t, secret, "key", 16))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	n := len(content) + 1 + aead.Overhead()
	head := []byte{23, 3, 3, byte(n >> 8), byte(n)}
	return aead.Seal(head, expand(t, secret, "iv", 12), append(bytes.Clone(content), kind), head)
}

// A client may want other keys at any time, as Java does after 128 GiB: also when nothing
// has been written for so long that the time for that is over.
func TestOtherKeysAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, TLSEnforcing.options(serverTLS(t)))
		var secrets bytes.Buffer
		raw := r.ln.connect(nil)
		nc := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: &secrets})
		if err := nc.Handshake(); err != nil {
			t.Fatal(err)
		}
		if nc.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
			t.Skip("this machine prefers another cipher")
		}
		var secret []byte
		for line := range strings.Lines(secrets.String()) {
			if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
				secret, _ = hex.DecodeString(f[2])
			}
		}
		time.Sleep(20 * time.Second)
		p, hands := &peer{t, nc}, &peer{t, raw}
		go func() {
			hands.write(sealed(t, secret, handshakeRecord, []byte{24, 0, 0, 1, 1})) // KeyUpdate, of both sides
			next := expand(t, secret, "traffic upd", 32)
			hands.write(sealed(t, next, 23, AppendCommand(nil, &Command{Opaque: 1})))
		}()
		p.expect(1, RespSuccess)
	})
}
