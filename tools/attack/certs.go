package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certsKey names the folder of the certificates that strangers have got hold of.
const certsKey = "PAIRMQ_ATTACK_CERTS"

// An issued certificate, with its key.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue has by sign t; nil has it sign itself.
func issue(t *x509.Certificate, by *issued) (*issued, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, err
	}
	if t.NotBefore.IsZero() {
		t.NotBefore = time.Now().Add(-time.Hour)
	}
	if t.NotAfter.IsZero() {
		t.NotAfter = time.Now().Add(time.Hour)
	}
	signer := by
	if by == nil {
		signer = &issued{t, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, signer.cert, key.Public(), signer.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &issued{cert, key}, err
}

func authority(name string) (*issued, error) {
	return issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
}

// pem returns certificate and key as files have them.
func (i *issued) pem() (cert, key []byte, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func (i *issued) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.key}
}

// stolen are the certificates that strangers show, by what is wrong with them.
func stolen(ca *issued) (map[string]*issued, error) {
	client := func() *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: "app"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
	}
	foreign, err := authority("pairmq of somebody else")
	if err != nil {
		return nil, err
	}
	twin, err := authority(ca.cert.Subject.CommonName) // who calls himself as ours is called
	if err != nil {
		return nil, err
	}
	expired, server := client(), client()
	expired.NotBefore, expired.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	all := map[string]*issued{}
	for _, c := range []struct {
		what string
		t    *x509.Certificate
		by   *issued
	}{{"expired", expired, ca}, {"foreign", client(), foreign}, {"twin", client(), twin}, {"self", client(), nil}, {"server", server, ca}} {
		if all[c.what], err = issue(c.t, c.by); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// makeCerts returns the gateway's files and how its client connects, and puts what
// strangers show into dir.
func makeCerts(dir string) (map[string][]byte, *tls.Config, error) {
	ca, err := authority("pairmq authority")
	if err != nil {
		return nil, nil, err
	}
	gw, err := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "gw"}, IPAddresses: []net.IP{net.ParseIP(gatewayIP), net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature}, ca)
	if err != nil {
		return nil, nil, err
	}
	app, err := issue(&x509.Certificate{Subject: pkix.Name{CommonName: "app"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature}, ca)
	if err != nil {
		return nil, nil, err
	}
	files := map[string][]byte{}
	if files["gw.crt"], files["gw.key"], err = gw.pem(); err != nil {
		return nil, nil, err
	}
	if files["ca.crt"], _, err = ca.pem(); err != nil {
		return nil, nil, err
	}
	all, err := stolen(ca)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	for what, c := range all {
		cert, key, err := c.pem()
		if err != nil {
			return nil, nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, what+".pem"), append(cert, key...), 0o600); err != nil {
			return nil, nil, err
		}
	}
	trust := x509.NewCertPool()
	trust.AddCert(ca.cert)
	return files, &tls.Config{RootCAs: trust, Certificates: []tls.Certificate{app.tls()}}, nil
}

// shown is a certificate that a stranger has got hold of.
func shown(what string) (tls.Certificate, error) {
	b, err := os.ReadFile(filepath.Join(os.Getenv(certsKey), what+".pem"))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("what the stranger shows: %w", err)
	}
	return tls.X509KeyPair(b, b)
}
