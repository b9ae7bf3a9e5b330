package certs

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
)

// A Verify says what a client makes sure of.
type Verify int

const (
	VerifyName Verify = iota // the server's certificate names the host that was dialled, and an authority vouches for it
	VerifyCA                 // an authority vouches for it: every server that it signed for can pass for any other
	VerifyNone               // nothing: who listens in is kept out, who sits between is not
)

// ClientOptions says how a client shows and checks certificates.
type ClientOptions struct {
	Files  // CA is required, unless Verify is VerifyNone; Cert and Key are what servers are shown who ask
	Verify Verify
	Clock  Clock
	Log    *slog.Logger // nil discards
}

// A Client is the certificates of one that dials. Its methods are safe for concurrent use.
type Client struct {
	kept   *kept
	judge  *judge
	verify Verify
}

// NewClient reads the files. It fails if one cannot be used.
func NewClient(o ClientOptions) (*Client, error) {
	if o.Verify != VerifyNone && o.CA == "" {
		return nil, errors.New("certs: nobody is named who signs the certificates of servers")
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	j := newJudge(o.Clock, x509.ExtKeyUsageServerAuth, o.Log)
	k, err := keep(o.Files, j, o.Log, func(m *material) {
		if o.Verify == VerifyNone {
			m.ends[1] = 0
		}
	})
	if err != nil {
		return nil, err
	}
	return &Client{kept: k, judge: j, verify: o.Verify}, nil
}

// Config is how the next connection to host, a name or an IP address, shakes hands.
func (c *Client) Config(host string) *tls.Config {
	m := c.kept.get()
	t := &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		ServerName:                  host,
		DynamicRecordSizingDisabled: true,
		InsecureSkipVerify:          true, // by crypto/tls, in favour of check
		VerifyConnection:            func(cs tls.ConnectionState) error { return c.check(&cs, m, host) },
	}
	if m.own != nil { // whatever the server says whom it knows: it may say too little
		t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.judge.own(m.own.Leaf)
			return m.own, nil
		}
	}
	return t
}

// check judges a server's certificate.
func (c *Client) check(cs *tls.ConnectionState, m *material, host string) error {
	if c.verify == VerifyNone {
		return nil
	}
	if err := c.judge.chain(cs.PeerCertificates, m.roots); err != nil {
		return err
	}
	if c.verify == VerifyCA {
		return nil
	}
	if err := cs.PeerCertificates[0].VerifyHostname(host); err != nil {
		return fmt.Errorf("certs: the certificate is good, but for somebody else: %.300v", err)
	}
	return nil
}
