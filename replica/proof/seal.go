package proof

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"time"
)

// A Seal is a certificate of this process, which nobody has signed: a peer knows it by the
// hash in a claim.
type Seal struct{ cert tls.Certificate }

// NewSeal makes a key on P-256 and its certificate.
func NewSeal() (*Seal, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("proof: make a key: %w", err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("proof: make a certificate: %w", err)
	}
	return &Seal{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}, nil
}

// Pin is what a claim says of it.
func (s *Seal) Pin() [sha256.Size]byte { return Pin(s.cert.Certificate[0]) }

// Conn is a connection under TLS. To close it takes no time, and says nothing to the peer.
type Conn struct {
	*tls.Conn
	under net.Conn
}

// Close closes the connection below.
func (c *Conn) Close() error { return c.under.Close() }

// Dialled makes nc one of TLS 1.3, of the side that dialled, by the deadline that it has. It fails unless
// the peer shows the certificate of his.
func (s *Seal) Dialled(nc net.Conn, his *Claim) (*Conn, error) {
	return shake(nc, tls.Client(nc, s.config(his)))
}

// Accepted is Dialled for the side that listens.
func (s *Seal) Accepted(nc net.Conn, his *Claim) (*Conn, error) {
	return shake(nc, tls.Server(nc, s.config(his)))
}

func shake(nc net.Conn, t *tls.Conn) (*Conn, error) {
	if err := t.Handshake(); err != nil {
		return nil, fmt.Errorf("proof: TLS: %.300w", err)
	}
	return &Conn{t, nc}, nil
}

func (s *Seal) config(his *Claim) *tls.Config {
	return &tls.Config{
		MinVersion:                  tls.VersionTLS13,
		Certificates:                []tls.Certificate{s.cert},
		ClientAuth:                  tls.RequireAnyClientCert,
		InsecureSkipVerify:          true, // the pin says whose it is
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			if n := len(cs.PeerCertificates); n != 1 || Pin(cs.PeerCertificates[0].Raw) != his.Pin {
				return fmt.Errorf("%w: the peer shows another certificate than it has claimed", ErrRefused)
			}
			return nil
		},
	}
}
