package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"pairmq/daemon/config"
	"pairmq/daemon/metrics"
	"pairmq/hal/board"
	"pairmq/internal/certs"
	"pairmq/internal/remoting"
)

// errCertificates is wrapped where files that TLS needs are missing or not good. They come
// and go without the configuration: a copy may be half done when the power fails.
var errCertificates = errors.New("TLS")

// security is TLS as configured, on the daemon's own ports and to others. A nil one is
// none; its methods are safe for concurrent use.
type security struct {
	mode   remoting.TLSMode
	server *certs.Server // nil with TLSDisabled
	client *certs.Client // nil: others are spoken to in plain text
}

// newSecurity reads the files that TLS needs. hw tells how far the clock can be trusted;
// it is not asked before there are connections, or somebody measures.
func newSecurity(cfg *config.Config, hw *board.Board, log *slog.Logger) (*security, error) {
	log = log.With("part", "tls")
	clock := certs.Clock{Built: built(), Trusted: func() bool {
		c := hw.Clock(time.Now(), built())
		return c.Trust() >= board.ClockKept
	}}
	s := new(security)
	var err error
	if cfg.TLSMode != config.TLSDisabled {
		s.mode = remoting.TLSPermissive
		if cfg.TLSMode == config.TLSEnforcing {
			s.mode = remoting.TLSEnforcing
		}
		o := certs.ServerOptions{Files: certs.Files{Cert: cfg.TLSCert, Key: cfg.TLSKey, CA: cfg.TLSTrust}, Clock: clock, Log: log}
		switch cfg.TLSClientAuth {
		case config.TLSAuthOptional:
			o.ClientAuth = certs.ClientAuthOptional
		case config.TLSAuthRequire:
			o.ClientAuth = certs.ClientAuthRequire
		}
		if s.server, err = certs.NewServer(o); err != nil {
			return nil, fmt.Errorf("%w of this server: %w", errCertificates, err)
		}
		log.Info("TLS is served", "tlsServerMode", cfg.TLSMode, "tlsServerNeedClientAuth", cfg.TLSClientAuth)
		if s.mode == remoting.TLSPermissive && cfg.TLSClientAuth != config.TLSAuthNone {
			log.Warn("tlsServerMode is permissive: who speaks plain text needs no certificate and is let in", "tlsServerNeedClientAuth", cfg.TLSClientAuth)
		}
	}
	if cfg.TLSEnable {
		o := certs.ClientOptions{Files: certs.Files{Cert: cfg.TLSOwnCert, Key: cfg.TLSOwnKey, CA: cfg.TLSServers}, Clock: clock, Log: log}
		switch cfg.TLSAuthServer {
		case config.TLSByCA:
			o.Verify = certs.VerifyCA
		case config.TLSByNone:
			o.Verify = certs.VerifyNone
			log.Warn("others are spoken to over TLS without making sure who they are: somebody in between could read and change everything", "tlsClientAuthServer", cfg.TLSAuthServer)
		}
		if s.client, err = certs.NewClient(o); err != nil {
			return nil, fmt.Errorf("%w to others: %w", errCertificates, err)
		}
	}
	return s, nil
}

// door is which connections a server takes, for remoting.ServerOptions.
func (s *security) door() (remoting.TLSMode, func() *tls.Config) {
	if s == nil || s.server == nil {
		return remoting.TLSDisabled, nil
	}
	return s.mode, s.server.Config
}

// others is how others are spoken to, for remoting.ClientOptions; nil: in plain text.
func (s *security) others() func(string) *tls.Config {
	if s == nil || s.client == nil {
		return nil
	}
	return s.client.Config
}

// self is how the daemon asks its own ports whether they answer.
func (s *security) self() func(string) *tls.Config {
	if s == nil || s.mode != remoting.TLSEnforcing {
		return nil
	}
	return s.server.Self
}

// measure shows when the certificates end that are in use.
func (s *security) measure(p *metrics.Page) {
	if s == nil {
		return
	}
	var all [4]int64
	if s.server != nil {
		all[0], all[1] = s.server.Ends()
	}
	if s.client != nil {
		all[2], all[3] = s.client.Ends()
	}
	for i, name := range [...]string{"server", "serverTrust", "client", "clientTrust"} {
		if all[i] != 0 {
			p.SetInt(metrics.CertificateExpires, all[i], name)
		}
	}
}
