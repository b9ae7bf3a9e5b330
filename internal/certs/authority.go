package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Devices may have no clock, and nobody visits them to renew anything.
const DefaultLife = 20 * 365 * 24 * time.Hour

// longAgo is before any clock that starts in the past: Unix time, a day in, for who
// subtracts something.
func longAgo() time.Time { return time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC) }

// A Pair is a certificate with its key, both in PEM. The key is a secret.
type Pair struct{ Cert, Key []byte }

// An Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority with an ECDSA key on P-256, valid until a time, and
// returns it with what is to be kept of it.
func NewAuthority(name string, until time.Time) (*Authority, Pair, error) {
	t := template(name, until)
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	t.MaxPathLenZero = true
	key, p, err := sign(t, nil)
	if err != nil {
		return nil, Pair{}, err
	}
	a, err := loaded(p.Cert, key)
	return a, p, err
}

// LoadAuthority is the authority that NewAuthority made p of.
func LoadAuthority(p Pair) (*Authority, error) {
	block, _ := pem.Decode(p.Key)
	if block == nil {
		return nil, errors.New("certs: the authority's key is not in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certs: the authority's key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("certs: the authority's key is a %T; want one of ECDSA", parsed)
	}
	return loaded(p.Cert, key)
}

func loaded(cert []byte, key *ecdsa.PrivateKey) (*Authority, error) {
	block, _ := pem.Decode(cert)
	if block == nil {
		return nil, errors.New("certs: the authority's certificate is not in PEM")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certs: the authority's certificate: %w", err)
	}
	if !c.IsCA || !key.PublicKey.Equal(c.PublicKey) {
		return nil, errors.New("certs: the authority's certificate is none of an authority, or not that of its key")
	}
	return &Authority{c, key}, nil
}

// Until is when the authority ends: nothing that it signs is valid for longer.
func (a *Authority) Until() time.Time { return a.cert.NotAfter }

// Server makes a certificate for a server that is found at hosts, names and addresses. It
// is good for its own connections to other servers, too.
func (a *Authority) Server(name string, hosts []string, until time.Time) (Pair, error) {
	t := template(name, until)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	_, p, err := sign(t, a)
	return p, err
}

// Client makes a certificate for a client.
func (a *Authority) Client(name string, until time.Time) (Pair, error) {
	t := template(name, until)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	_, p, err := sign(t, a)
	return p, err
}

func template(name string, until time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: longAgo(), NotAfter: until.UTC().Truncate(time.Second),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

// sign makes a key and the certificate t for it, signed by a, or by itself if a is nil.
func sign(t *x509.Certificate, a *Authority) (*ecdsa.PrivateKey, Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, Pair{}, fmt.Errorf("certs: make a key: %w", err)
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, Pair{}, fmt.Errorf("certs: make a serial number: %w", err)
	}
	parent, by := t, key
	if a != nil {
		parent, by = a.cert, a.key
		if t.NotAfter.After(parent.NotAfter) {
			t.NotAfter = parent.NotAfter
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, by)
	if err != nil {
		return nil, Pair{}, fmt.Errorf("certs: sign %q: %w", t.Subject.CommonName, err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, Pair{}, fmt.Errorf("certs: write a key: %w", err)
	}
	return key, Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}, nil
}
