package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const year = 365 * 24 * time.Hour

// A yard is an authority, and the files of those that it signs for.
type yard struct {
	t   *testing.T
	dir string
	ca  *Authority
	log bytes.Buffer
}

func newYard(t *testing.T) *yard {
	t.Helper()
	y := &yard{t: t, dir: t.TempDir()}
	ca, p, err := NewAuthority("an authority", time.Now().Add(10*year))
	if err != nil {
		t.Fatal(err)
	}
	y.ca = ca
	y.write("ca.crt", p.Cert)
	return y
}

func (y *yard) path(name string) string { return filepath.Join(y.dir, name) }

func (y *yard) write(name string, b []byte) {
	y.t.Helper()
	if err := os.WriteFile(y.path(name), b, 0o600); err != nil {
		y.t.Fatal(err)
	}
}

// sign puts a certificate into files; it is valid from one time until another.
func (y *yard) sign(name string, ca *Authority, from, until time.Time, usage ...x509.ExtKeyUsage) Files {
	y.t.Helper()
	c := template(name, until)
	c.NotBefore, c.ExtKeyUsage, c.DNSNames, c.IPAddresses = from, usage, []string{"broker-a"}, []net.IP{net.IPv4(192, 0, 2, 1)}
	_, p, err := sign(c, ca)
	if err != nil {
		y.t.Fatal(err)
	}
	y.write(name+".crt", p.Cert)
	y.write(name+".key", p.Key)
	return Files{Cert: y.path(name + ".crt"), Key: y.path(name + ".key"), CA: y.path("ca.crt")}
}

// good is a certificate that is valid now.
func (y *yard) good(name string, usage ...x509.ExtKeyUsage) Files {
	return y.sign(name, y.ca, longAgo(), time.Now().Add(year), usage...)
}

// logger is where what is logged can be read, by who is alone with it.
func (y *yard) logger() *slog.Logger { return slog.New(slog.NewTextHandler(&y.log, nil)) }

func (y *yard) server(o ServerOptions) *Server {
	y.t.Helper()
	o.Log = y.logger()
	s, err := NewServer(o)
	if err != nil {
		y.t.Fatal(err)
	}
	return s
}

func (y *yard) client(o ClientOptions) *Client {
	y.t.Helper()
	o.Log = y.logger()
	c, err := NewClient(o)
	if err != nil {
		y.t.Fatal(err)
	}
	return c
}

// meet has both shake hands and say a word to each other. The errors are those of the
// sides.
func meet(s *tls.Config, c *tls.Config) (server, client error) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	_ = near.SetDeadline(time.Now().Add(10 * time.Second))
	_ = far.SetDeadline(time.Now().Add(10 * time.Second))
	got := make(chan error, 1)
	go func() {
		t := tls.Server(far, s)
		err := t.Handshake()
		if err == nil {
			_, err = t.Write([]byte("x"))
		}
		got <- err
	}()
	t := tls.Client(near, c)
	client = t.Handshake()
	if client == nil { // a server says only then that it does not want the certificate
		_, client = io.ReadFull(t, make([]byte, 1))
	}
	near.Close()
	return <-got, client
}

func TestWhoTrustsWhom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		stranger, _, err := NewAuthority("a stranger", time.Now().Add(year))
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		srv, cli := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
		files := map[string]Files{
			"":               {CA: y.path("ca.crt")},
			"server":         y.good("server", srv),
			"another server": y.good("another server", srv),
			"client":         y.good("client", cli),
			"strangers":      y.sign("strangers", stranger, longAgo(), now.Add(year), srv, cli),
			"expired server": y.sign("expired server", y.ca, longAgo(), now.Add(-time.Second), srv),
			"expired client": y.sign("expired client", y.ca, longAgo(), now.Add(-time.Second), cli),
			"early server":   y.sign("early server", y.ca, now.Add(time.Hour), now.Add(year), srv),
			"early client":   y.sign("early client", y.ca, now.Add(time.Hour), now.Add(year), cli),
		}
		tests := []struct {
			name, server   string
			auth           ClientAuth
			client         string
			verify         Verify
			host           string
			server1, other string // what the errors of server and client have in them; see says
		}{
			{"by name", "server", ClientAuthNone, "", VerifyName, "broker-a", "", ""},
			{"by address", "server", ClientAuthNone, "", VerifyName, "192.0.2.1", "", ""},
			{"another name", "server", ClientAuthNone, "", VerifyName, "broker-b", "*", "for somebody else"},
			{"another name by CA", "server", ClientAuthNone, "", VerifyCA, "broker-b", "", ""},
			{"another CA", "strangers", ClientAuthNone, "", VerifyCA, "broker-a", "*", "unknown authority"},
			{"another CA, not looked at", "strangers", ClientAuthNone, "", VerifyNone, "broker-a", "", ""},
			{"expired", "expired server", ClientAuthNone, "", VerifyCA, "broker-a", "*", "valid from 1970-01-02"},
			{"not yet valid", "early server", ClientAuthNone, "", VerifyCA, "broker-a", "*", "valid from 2000-01-01 01:00:00"},
			{"a client's as a server's", "client", ClientAuthNone, "", VerifyCA, "broker-a", "*", "incompatible key usage"},
			{"a client nobody asks", "server", ClientAuthNone, "strangers", VerifyCA, "", "", ""},
			{"a client that may have none", "server", ClientAuthOptional, "", VerifyCA, "", "", ""},
			{"a client that may and has", "server", ClientAuthOptional, "client", VerifyCA, "", "", ""},
			{"a foreign client that need not", "server", ClientAuthOptional, "strangers", VerifyCA, "", "unknown authority", "bad certificate"},
			{"a client", "server", ClientAuthRequire, "client", VerifyCA, "", "", ""},
			{"a client without", "server", ClientAuthRequire, "", VerifyCA, "", "didn't provide a certificate", "certificate required"},
			{"a foreign client", "server", ClientAuthRequire, "strangers", VerifyCA, "", "unknown authority", "bad certificate"},
			{"an expired client", "server", ClientAuthRequire, "expired client", VerifyCA, "", "valid from 1970-01-02", "bad certificate"},
			{"a client too early", "server", ClientAuthRequire, "early client", VerifyCA, "", "valid from 2000-01-01 01:00:00", "bad certificate"},
			{"the server itself", "server", ClientAuthRequire, "server", VerifyCA, "", "", ""},
			{"another server as a client", "server", ClientAuthRequire, "another server", VerifyCA, "", "incompatible key usage", "bad certificate"},
		}
		for _, tt := range tests {
			s := y.server(ServerOptions{Files: files[tt.server], ClientAuth: tt.auth})
			f := files[tt.client]
			f.CA = y.path("ca.crt")
			c := y.client(ClientOptions{Files: f, Verify: tt.verify})
			server, client := meet(s.Config(), c.Config(tt.host))
			if !says(server, tt.server1) || !says(client, tt.other) {
				t.Errorf("%s: server: %v, client: %v, want %q and %q", tt.name, server, client, tt.server1, tt.other)
			}
		}
	})
}

// What a stranger calls himself does not fill the log.
func TestLongNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		long := strings.Repeat("x", 20_000)
		stranger, _, err := NewAuthority(long, time.Now().Add(year))
		if err != nil {
			t.Fatal(err)
		}
		p, err := stranger.Client(long, time.Now().Add(year))
		if err != nil {
			t.Fatal(err)
		}
		y.write("long.crt", p.Cert)
		y.write("long.key", p.Key)
		s := y.server(ServerOptions{Files: y.good("server", x509.ExtKeyUsageServerAuth), ClientAuth: ClientAuthRequire})
		c := y.client(ClientOptions{Files: Files{Cert: y.path("long.crt"), Key: y.path("long.key")}, Verify: VerifyNone})
		y.log.Reset()
		server, _ := meet(s.Config(), c.Config(""))
		if !says(server, "unknown authority") || len(server.Error()) > 500 {
			t.Errorf("it was refused with %d bytes: %.600v", len(server.Error()), server)
		}
	})
}

// says is whether err is none, for "", or has text in it; "*" is any error.
func says(err error, text string) bool {
	if err == nil || text == "" {
		return err == nil && text == ""
	}
	return text == "*" || strings.Contains(err.Error(), text)
}

// A clock that nobody has set makes no certificate too early, and the log says so; what has
// expired stays so, and no clock is before the program.
func TestAClockThatIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in the year 2000
		y := newYard(t)
		now := time.Now()
		from := now.Add(20 * year)
		ca := template("a late authority", from.Add(9*year))
		ca.IsCA, ca.BasicConstraintsValid, ca.NotBefore = true, true, from.Add(time.Hour)
		ca.KeyUsage = x509.KeyUsageCertSign
		key, p, err := sign(ca, nil)
		if err != nil {
			t.Fatal(err)
		}
		if y.ca, err = loaded(p.Cert, key); err != nil {
			t.Fatal(err)
		}
		y.write("ca.crt", p.Cert)
		early := y.sign("early", y.ca, from, from.Add(year), x509.ExtKeyUsageServerAuth)
		over := y.sign("over", y.ca, longAgo(), now.Add(-time.Minute), x509.ExtKeyUsageServerAuth)
		trusted := false
		clock := Clock{Trusted: func() bool { return trusted }}
		try := func(f Files, clock Clock) error {
			s := y.server(ServerOptions{Files: f})
			_, err := meet(s.Config(), y.client(ClientOptions{Files: Files{CA: f.CA}, Clock: clock}).Config("broker-a"))
			return err
		}
		if err := try(early, clock); err != nil {
			t.Errorf("by a clock that nobody has set: %v, want it to be taken", err)
		}
		if n := strings.Count(y.log.String(), "not yet valid is taken"); n != 1 {
			t.Errorf("the log says it %d times, want once:\n%s", n, &y.log)
		}
		if err := try(over, clock); !says(err, "which nobody is known to have set") {
			t.Errorf("expired by such a clock: %v, want it refused", err)
		}
		trusted = true
		if err := try(early, clock); !says(err, "this machine's clock says 2000") {
			t.Errorf("by a clock that is trusted: %v, want it refused", err)
		}
		built := clock
		built.Built = from.Add(2 * time.Hour)
		if err := try(early, built); err != nil {
			t.Errorf("by a clock before the program was made: %v, want it taken as of then", err)
		}
		built.Built = from.Add(2 * year)
		if trusted = false; !says(try(early, built), "valid from") {
			t.Error("what had expired when the program was made is taken")
		}
	})
}

// The own certificate is shown whatever the clock says, and the log says that it is over:
// at once, and not at each handshake.
func TestAnOwnCertificateThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		s := y.server(ServerOptions{Files: y.sign("over", y.ca, longAgo(), time.Now().Add(-time.Minute), x509.ExtKeyUsageServerAuth)})
		c := y.client(ClientOptions{Verify: VerifyNone})
		for range 3 {
			if server, client := meet(s.Config(), c.Config("")); server != nil || client != nil {
				t.Errorf("server: %v, client: %v, want none", server, client)
			}
		}
		if n := strings.Count(y.log.String(), "level=ERROR msg=\"the certificate of this side has expired"); n != 1 {
			t.Errorf("the log says it %d times, want once:\n%s", n, &y.log)
		}
	})
}

// Files that change are read at the next handshake; until all are good those from before count.
func TestFilesThatChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		f := y.good("server", x509.ExtKeyUsageServerAuth)
		s := y.server(ServerOptions{Files: f})
		serial := func() string { time.Sleep(lookEvery); return s.Config().Certificates[0].Leaf.SerialNumber.String() }
		first := serial()
		if serial() != first {
			t.Fatal("a certificate changed by itself")
		}
		old, err := os.ReadFile(f.Key)
		if err != nil {
			t.Fatal(err)
		}
		y.good("server", x509.ExtKeyUsageServerAuth)
		next, err := os.ReadFile(f.Key)
		if err != nil {
			t.Fatal(err)
		}
		y.write("server.key", old) // the certificate was copied, the key is on its way
		touch(t, f.Key, 1)
		for range 5 {
			if serial() != first {
				t.Fatal("a certificate is used without its key")
			}
		}
		if n := strings.Count(y.log.String(), "are not good: those from before stay in use"); n != 1 {
			t.Errorf("the log says so %d times, want once:\n%s", n, &y.log)
		}
		y.write("server.key", next)
		touch(t, f.Key, 2)
		second := serial()
		if second == first {
			t.Errorf("the new certificate is not used:\n%s", &y.log)
		}
		if err := os.Remove(f.Cert); err != nil {
			t.Fatal(err)
		}
		if serial() != second {
			t.Error("a file that is gone took the certificate with it")
		}
	})
}

// A file that could not be read is read once it can be, though neither its size nor its time
// has changed: the owner of a key was set after it was put there.
func TestAKeyThatCannotBeReadAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		f := y.good("server", x509.ExtKeyUsageServerAuth)
		s := y.server(ServerOptions{Files: f})
		serial := func() string { time.Sleep(lookEvery); return s.Config().Certificates[0].Leaf.SerialNumber.String() }
		first := serial()
		y.good("server", x509.ExtKeyUsageServerAuth)
		touch(t, f.Key, 1)
		// A folder in the place of the file fails for root, too.
		hidden := y.path("hidden.key")
		if err := errors.Join(os.Rename(f.Key, hidden), os.Mkdir(f.Key, 0o700)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if serial() != first {
				t.Fatal("a certificate is used without its key")
			}
		}
		if n := strings.Count(y.log.String(), "are not good"); n != 1 {
			t.Errorf("the log says %d times that they are not good, want once:\n%s", n, &y.log)
		}
		if err := errors.Join(os.Remove(f.Key), os.Rename(hidden, f.Key)); err != nil {
			t.Fatal(err)
		}
		s.kept.seen = f.stamps() // as if it had been there, in a folder of somebody else's
		if serial() == first {
			t.Errorf("the new certificate is not used:\n%s", &y.log)
		}
	})
}

// TestFilesOfOneSizeAndTime: another authority of the same size, with the time of the old one's file, as
// cp -p and images have it, counts all the same; another mode of the same file is not news.
func TestFilesOfOneSizeAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		f := y.good("server", x509.ExtKeyUsageServerAuth)
		s := y.server(ServerOptions{Files: f})
		serial := func() string { time.Sleep(lookEvery); return s.Config().Certificates[0].Leaf.SerialNumber.String() }
		first := serial()
		if err := os.Chmod(f.Key, 0o400); err != nil {
			t.Fatal(err)
		}
		if serial() != first || strings.Contains(y.log.String(), "have changed") {
			t.Errorf("a file with another mode is news:\n%s", &y.log)
		}
		if err := os.Chmod(f.Key, 0o600); err != nil {
			t.Fatal(err)
		}
		was := map[string]os.FileInfo{}
		for _, path := range []string{f.Cert, f.Key} {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(b, make([]byte, 2048-len(b))...), 0o600); err != nil {
				t.Fatal(err)
			}
			if was[path], err = os.Stat(path); err != nil {
				t.Fatal(err)
			}
		}
		serial()
		y.good("server", x509.ExtKeyUsageServerAuth)
		for path, old := range was {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.WriteFile(path, append(b, make([]byte, 2048-len(b))...), 0o600), os.Chtimes(path, old.ModTime(), old.ModTime())); err != nil {
				t.Fatal(err)
			}
			if now, err := os.Stat(path); err != nil || now.Size() != old.Size() || !now.ModTime().Equal(old.ModTime()) {
				t.Fatalf("%s has another size or time: the test shows nothing", path)
			}
		}
		if serial() == first {
			t.Errorf("the new certificate is not used:\n%s", &y.log)
		}
	})
}

// touch gives a file another time, for tests take none.
func touch(t *testing.T, path string, n int) {
	t.Helper()
	at := time.Now().Add(time.Duration(n) * time.Second)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// Authorities that change count for clients and servers alike.
func TestAnAuthorityThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		s := y.server(ServerOptions{Files: y.good("server", x509.ExtKeyUsageServerAuth), ClientAuth: ClientAuthRequire})
		c := y.client(ClientOptions{Files: y.good("client", x509.ExtKeyUsageClientAuth)})
		if server, client := meet(s.Config(), c.Config("broker-a")); server != nil || client != nil {
			t.Fatalf("server: %v, client: %v, want none", server, client)
		}
		_, p, err := NewAuthority("another", time.Now().Add(year))
		if err != nil {
			t.Fatal(err)
		}
		y.write("ca.crt", p.Cert)
		touch(t, y.path("ca.crt"), 1)
		time.Sleep(lookEvery)
		if _, client := meet(s.Config(), c.Config("broker-a")); !says(client, "unknown authority") {
			t.Errorf("client: %v, want that it knows the authority no more", client)
		}
		any := y.client(ClientOptions{Files: Files{Cert: y.path("client.crt"), Key: y.path("client.key")}, Verify: VerifyNone})
		if server, _ := meet(s.Config(), any.Config("broker-a")); !says(server, "unknown authority") {
			t.Errorf("server: %v, want that it knows the authority no more", server)
		}
	})
}

// Old versions of TLS are refused, 1.2 is not: Java 8 speaks nothing newer.
func TestVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		s := y.server(ServerOptions{Files: y.good("server", x509.ExtKeyUsageServerAuth)})
		for version, good := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			_, client := meet(s.Config(), &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
			if (client == nil) != good {
				t.Errorf("%s: %v, want it taken: %v", tls.VersionName(version), client, good)
			}
		}
	})
}

func TestFilesThatAreNotGood(t *testing.T) {
	y := newYard(t)
	f := y.good("server", x509.ExtKeyUsageServerAuth)
	y.good("client", x509.ExtKeyUsageClientAuth)
	y.write("empty", nil)
	for name, of := range map[string]string{"half of two": f.CA, "half of a chain": f.Cert} {
		b, err := os.ReadFile(of)
		if err != nil {
			t.Fatal(err)
		}
		y.write(name, append(b, b[:len(b)/2]...))
	}
	y.write("large", make([]byte, maxFile+1))
	y.write("half", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	tests := []struct {
		name string
		o    ServerOptions
		want string
	}{
		{"none", ServerOptions{}, "needs a certificate"},
		{"no key", ServerOptions{Files: Files{Cert: f.Cert}}, "needs a certificate and its key"},
		{"no file", ServerOptions{Files: Files{Cert: y.path("nowhere"), Key: f.Key}}, "no such file"},
		{"another key", ServerOptions{Files: Files{Cert: f.Cert, Key: y.path("client.key")}}, "private key does not match"},
		{"no authority", ServerOptions{Files: Files{Cert: f.Cert, Key: f.Key}, ClientAuth: ClientAuthOptional}, "nobody is named"},
		{"half of two authorities", ServerOptions{Files: Files{f.Cert, f.Key, y.path("half of two")}}, "2 blocks of PEM begin, and 1 are whole"},
		{"half of a chain", ServerOptions{Files: Files{Cert: y.path("half of a chain"), Key: f.Key}}, "2 blocks of PEM begin, and 1 are whole"},
		{"an empty authority", ServerOptions{Files: Files{f.Cert, f.Key, y.path("empty")}}, "no certificate in PEM"},
		{"half an authority", ServerOptions{Files: Files{f.Cert, f.Key, y.path("half")}}, "certificate 1"},
		{"a large file", ServerOptions{Files: Files{f.Cert, f.Key, y.path("large")}}, "at most 1048576"},
		{"a folder", ServerOptions{Files: Files{f.Cert, f.Key, y.dir}}, "want a file"},
	}
	for _, tt := range tests {
		if _, err := NewServer(tt.o); !says(err, tt.want) {
			t.Errorf("%s: NewServer: %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := NewClient(ClientOptions{}); !says(err, "nobody is named") {
		t.Errorf("NewClient without an authority: %v", err)
	}
	if _, err := NewClient(ClientOptions{Files: Files{Cert: f.Cert}, Verify: VerifyNone}); err == nil {
		t.Error("NewClient with a certificate and no key: no error")
	}
}

func TestAKeyThatEverybodyMayRead(t *testing.T) {
	y := newYard(t)
	f := y.good("server", x509.ExtKeyUsageServerAuth)
	y.server(ServerOptions{Files: f})
	if strings.Contains(y.log.String(), "everybody") {
		t.Errorf("of a key with mode 0600 the log says\n%s", &y.log)
	}
	if err := os.Chmod(f.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	y.server(ServerOptions{Files: f})
	if !strings.Contains(y.log.String(), "everybody on this machine may read a private key") {
		t.Errorf("of a key with mode 0644 the log says\n%s", &y.log)
	}
}

func TestAnAuthorityThatIsKept(t *testing.T) {
	until := time.Now().Add(2 * year)
	_, p, err := NewAuthority("kept", until)
	if err != nil {
		t.Fatal(err)
	}
	a, err := LoadAuthority(p)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := a.Server("gw-a", []string{"gw-a", "192.0.2.1"}, until.Add(year))
	if err != nil {
		t.Fatal(err)
	}
	own, err := tls.X509KeyPair(signed.Cert, signed.Key)
	if err != nil {
		t.Fatal(err)
	}
	if got := own.Leaf.NotAfter; got.After(until) {
		t.Errorf("it is valid until %v, and its authority until %v", got, until)
	}
	if got := own.Leaf.NotBefore; got.Year() > 1970 {
		t.Errorf("it is valid from %v on, want what any clock is after", got)
	}
	if err := errors.Join(own.Leaf.VerifyHostname("gw-a"), own.Leaf.VerifyHostname("192.0.2.1")); err != nil {
		t.Error(err)
	}
	if _, err := LoadAuthority(Pair{p.Cert, signed.Key}); !says(err, "not that of its key") {
		t.Errorf("LoadAuthority with another key: %v", err)
	}
	if _, err := LoadAuthority(signed); !says(err, "none of an authority") {
		t.Errorf("LoadAuthority of a server's: %v", err)
	}
}

// A chain of which each is valid later than the one before costs nobody much, though a
// clock that is not trusted has it looked at again and again.
func TestAChainWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		from, until := time.Now(), time.Now().Add(9*year)
		var peer []*x509.Certificate
		var ca *Authority
		for i := range 41 {
			c := template(fmt.Sprint("authority ", i), until)
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
			c.NotBefore = from.Add(time.Duration(41-i) * time.Hour)
			key, p, err := sign(c, ca)
			if err != nil {
				t.Fatal(err)
			}
			if ca, err = loaded(p.Cert, key); err != nil {
				t.Fatal(err)
			}
			peer = append([]*x509.Certificate{ca.cert}, peer...)
		}
		roots := x509.NewCertPool()
		roots.AddCert(y.ca.cert)
		looks := 0
		j := newJudge(Clock{Trusted: func() bool { looks++; return false }}, x509.ExtKeyUsageClientAuth, y.logger())
		if err := j.chain(peer, roots); !says(err, "41 certificates") || looks > 0 {
			t.Errorf("it was looked at %d times: %v", looks, err)
		}
		if err := j.chain(peer[len(peer)-maxChain:], roots); !says(err, "unknown authority") {
			t.Errorf("one of %d: %v", maxChain, err)
		}
	})
}
