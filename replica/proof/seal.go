package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
)

// A Seal is a certificate of this process, which nobody has signed: a peer knows it by the
// hash in a claim.
type Seal struct{ cert tls.Certificate }

// NewSeal makes a key on Ed25519 and its certificate.
func NewSeal() (*Seal, error) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("proof: make a key: %w", err)
	}
	return &Seal{tls.Certificate{Certificate: [][]byte{selfSigned(pub, key)}, PrivateKey: key}}, nil
}

// certificateHead is how every certificate of a Seal begins, in DER: version 3, number 1, of nobody and signed
// by nobody, valid from 1970 to 9999, with a key on Ed25519, which follows. To have crypto/x509 write that
// would take 60 KB of program.
const certificateHead = "\xa0\x03\x02\x01\x02" + "\x02\x01\x01" + onEd25519 + "\x30\x00" +
	"\x30\x20\x17\x0d700101000000Z\x18\x0f99991231235959Z" + "\x30\x00" + "\x30\x2a" + onEd25519 + "\x03\x21\x00"

// onEd25519 names the algorithm.
const onEd25519 = "\x30\x05\x06\x03\x2b\x65\x70"

// selfSigned is the certificate of a key, which it is signed with. All lengths are known.
func selfSigned(pub ed25519.PublicKey, key ed25519.PrivateKey) []byte {
	body := append([]byte{0x30, byte(len(certificateHead) + len(pub))}, certificateHead...)
	body = append(body, pub...)
	tail := append([]byte(onEd25519+"\x03\x41\x00"), ed25519.Sign(key, body)...)
	return append(append([]byte{0x30, 0x81, byte(len(body) + len(tail))}, body...), tail...)
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
