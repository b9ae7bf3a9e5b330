package certs

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
)

// A ClientAuth says whether clients show certificates: RocketMQ's
// tls.server.need.client.auth.
type ClientAuth int

const (
	ClientAuthNone     ClientAuth = iota // they are not asked
	ClientAuthOptional                   // they are asked, and one that is shown must be good
	ClientAuthRequire                    // they must
)

// ServerOptions says how a server shows and checks certificates.
type ServerOptions struct {
	Files      // Cert and Key are required; CA is, unless ClientAuth is ClientAuthNone
	ClientAuth ClientAuth
	Clock      Clock
	Log        *slog.Logger // nil discards
}

// A Server is the certificates of one that listens. Its methods are safe for concurrent
// use.
type Server struct{ kept *kept }

// NewServer reads the files. It fails if one cannot be used.
func NewServer(o ServerOptions) (*Server, error) {
	if o.Cert == "" || o.Key == "" {
		return nil, errors.New("certs: a server needs a certificate and its key")
	}
	if o.ClientAuth != ClientAuthNone && o.CA == "" {
		return nil, errors.New("certs: nobody is named who signs the certificates of clients")
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	j := newJudge(o.Clock, x509.ExtKeyUsageClientAuth, o.Log)
	k, err := keep(o.Files, j, o.Log, func(m *material) {
		m.listen = serverConfig(&o, j, m)
		if o.ClientAuth == ClientAuthNone {
			m.ends[1] = 0
		}
	})
	if err != nil {
		return nil, err
	}
	return &Server{k}, nil
}

// Config is how the next connection shakes hands. It is not to be changed.
func (s *Server) Config() *tls.Config { return s.kept.get().listen }

// Self is how this server shakes hands with itself, to see whether it answers: it is let in
// for its own key, and need not be told who answers.
func (s *Server) Self(string) *tls.Config {
	own := s.kept.get().own
	return &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil },
	}
}

func serverConfig(o *ServerOptions, j *judge, m *material) *tls.Config {
	c := &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		Certificates:                []tls.Certificate{*m.own},
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true, // whole messages, not pages for a browser: fewer writes
	}
	// Chains are the judge's, who knows of clocks.
	switch o.ClientAuth {
	case ClientAuthOptional:
		c.ClientAuth, c.ClientCAs = tls.RequestClientCert, m.roots
	case ClientAuthRequire:
		c.ClientAuth, c.ClientCAs = tls.RequireAnyClientCert, m.roots
	}
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		j.own(m.own.Leaf)
		// Who has the key of this server is this server, which looks whether it answers.
		if len(cs.PeerCertificates) == 0 || cs.PeerCertificates[0].Equal(m.own.Leaf) {
			return nil
		}
		return j.chain(cs.PeerCertificates, m.roots)
	}
	return c
}
