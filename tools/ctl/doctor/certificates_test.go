package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"pairmq/hal/board"
)

// certificate is one in PEM that is valid from and until so long after now.
func certificate(t *testing.T, name string, from, until time.Duration) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until)}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestDatesOfCertificates(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name        string
		from, until time.Duration
		set         bool // somebody has set the clock
		v           Verdict
		found, do   string
	}{
		{"good", -day, 31 * day, true, OK, "is valid until", ""},
		{"soon", -day, 30*day - time.Hour, true, Warning, "expires in 29 days", "pairmq cert sign"},
		{"over", -2 * day, -time.Hour, true, Wrong, "has expired", "pairmq cert sign"},
		{"over by any clock", -2 * day, -time.Hour, false, Wrong, "has expired", "the clock"},
		{"early", day, 100 * day, true, Wrong, "is not valid before", "set the clock"},
		{"taken early", day, 100 * day, false, Warning, "takes it all the same", "have the clock set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPatient(t)
			if tt.set {
				p.write("run/systemd/timesync/synchronized", "")
			}
			own := certificate(t, tt.name, tt.from, tt.until)
			p.write("own.crt", own)
			p.write("old.crt", certificate(t, "old", -2*day, -day)+own)
			p.write("all.crt", own+certificate(t, "authority", -day, 365*day))
			p.conf += "tlsServerMode=enforcing\ntlsServerCertPath=" + filepath.Join(p.dir, "own.crt") + "\ntlsServerKeyPath=" + filepath.Join(p.dir, "own.key") +
				"\ntlsServerTrustCertPath=" + filepath.Join(p.dir, "old.crt") + "\ntlsEnable=true\ntlsClientTrustCertPath=" + filepath.Join(p.dir, "all.crt") + "\n"
			all := p.examine()
			if c := (&exam{opts: p.opts}).wallClock(); !tt.set && c.Trust() >= board.ClockKept {
				t.Skip("the kernel says that this machine's clock is kept synchronised")
			}
			p.expect(all, "certificates", tt.v, "tlsServerCertPath: \"CN="+tt.name, tt.do)
			p.expect(all, "certificates", tt.v, tt.found, tt.do)
			p.expect(all, "certificates", tt.v, "tlsServerTrustCertPath: \"CN="+tt.name, tt.do)
			p.expect(all, "certificates", OK, "tlsClientTrustCertPath: \"CN=authority", "")
		})
	}
}

func TestACertificateThatCannotBeRead(t *testing.T) {
	p := newPatient(t)
	half := certificate(t, "half", -time.Hour, time.Hour)
	p.write("own.crt", half[:len(half)/2])
	p.conf += "tlsServerMode=permissive\ntlsServerCertPath=" + filepath.Join(p.dir, "own.crt") + "\ntlsServerKeyPath=" + filepath.Join(p.dir, "own.key") + "\n"
	p.expect(p.examine(), "certificates", Wrong, "tlsServerCertPath: ", "be there whole")
	p = newPatient(t)
	for _, c := range p.examine() {
		if c.Name == "certificates" {
			t.Errorf("without TLS: %+v", c)
		}
	}
}
