package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/spf13/pflag"

	"pairmq/daemon/config"
	"pairmq/internal/certs"
)

// tlsArgs says how servers are spoken to; the environment fills in what is empty.
type tlsArgs struct{ ca, cert, key, verify string }

func (a *tlsArgs) flags(f *pflag.FlagSet) {
	f.StringVar(&a.ca, "tls-ca", "", "speak TLS; certificates in PEM of the authorities that sign those of servers (PAIRMQ_TLS_CA)")
	f.StringVar(&a.cert, "tls-cert", "", "certificate in PEM for servers that ask for one (PAIRMQ_TLS_CERT)")
	f.StringVar(&a.key, "tls-key", "", "its private key in PEM (PAIRMQ_TLS_KEY)")
	f.StringVar(&a.verify, "tls-verify", "", "name: a server's certificate is its own; ca: that of any server of the authority; none: TLS with anybody; else name (PAIRMQ_TLS_VERIFY)")
}

// secure is how servers are spoken to, for remoting.ClientOptions; nil: in plain text.
func (e *env) secure() (func(host string) *tls.Config, error) {
	a := tlsArgs{
		cmp.Or(e.tls.ca, e.getenv("PAIRMQ_TLS_CA")), cmp.Or(e.tls.cert, e.getenv("PAIRMQ_TLS_CERT")),
		cmp.Or(e.tls.key, e.getenv("PAIRMQ_TLS_KEY")), cmp.Or(e.tls.verify, e.getenv("PAIRMQ_TLS_VERIFY")),
	}
	o := certs.ClientOptions{Files: certs.Files{Cert: a.cert, Key: a.key, CA: a.ca}}
	switch a.verify {
	case "", "name":
	case "ca":
		o.Verify = certs.VerifyCA
	case "none":
		o.Verify = certs.VerifyNone
	default:
		return nil, usage("--tls-verify is %q; want name, ca or none", a.verify)
	}
	if a.ca == "" && o.Verify != certs.VerifyNone {
		if a != (tlsArgs{}) { // who means TLS must not get plain text
			return nil, usage("--tls-ca is missing: nobody is named who signs the certificates of servers")
		}
		return nil, nil
	}
	c, err := certs.NewClient(o)
	if err != nil {
		return nil, usage("TLS: %w", err)
	}
	return c.Config, nil
}

// asConfigured is e that speaks TLS as the daemon of this machine does to others, unless it
// was told how.
func (e *env) asConfigured(cfg *config.Config) *env {
	if e.told() || !cfg.TLSEnable {
		return e
	}
	own := *e
	own.tls = tlsArgs{cfg.TLSServers, cfg.TLSOwnCert, cfg.TLSOwnKey, cfg.TLSAuthServer} // flags and keys have the same words
	return &own
}

// asItself is e that speaks to the daemon of this machine as that does to its own ports,
// unless it was told how: over TLS if nothing else is let in, with the daemon's own key.
func (e *env) asItself(cfg *config.Config) *env {
	if e.told() {
		return e
	}
	own := *e
	own.tls = tlsArgs{}
	if cfg.TLSMode == config.TLSEnforcing {
		own.tls = tlsArgs{cert: cfg.TLSCert, key: cfg.TLSKey, verify: config.TLSByNone}
	}
	return &own
}

// told is whether somebody has said how servers are spoken to.
func (e *env) told() bool {
	return e.tls != tlsArgs{} || e.getenv("PAIRMQ_TLS_CA") != "" || e.getenv("PAIRMQ_TLS_VERIFY") != ""
}

// dialer is how a load connects; nil: over TCP alone.
func dialer(secure func(string) *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if secure == nil {
		return nil
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		nc, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		t := tls.Client(nc, secure(host))
		if err := t.HandshakeContext(ctx); err != nil {
			_ = nc.Close() // nothing was sent on it
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		return t, nil
	}
}
