package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"pairmq/internal/warner"
)

// warnEvery is the least time between two lines about dates of one kind.
const warnEvery = time.Hour

// maxChain is how many certificates of a peer are looked at, its own among them. There may be
// a look for each that is not yet valid, of up to 100 signatures.
const maxChain = 10

// A Clock says what is known of the wall clock. The zero value trusts it.
type Clock struct {
	Built   time.Time   // no time before that counts; zero: any does
	Trusted func() bool // whether somebody is known to have set it; nil: yes
}

// A judge says whose certificates are good, and when.
type judge struct {
	clock  Clock
	usage  x509.ExtKeyUsage
	early  warner.Warner // certificates taken before their time
	ownOut warner.Warner // the own one is out of its time
}

func newJudge(clock Clock, usage x509.ExtKeyUsage, log *slog.Logger) *judge {
	return &judge{clock: clock, usage: usage,
		early:  warner.Warner{To: log, Level: slog.LevelWarn, Every: warnEvery},
		ownOut: warner.Warner{To: log, Level: slog.LevelError, Every: warnEvery},
	}
}

func (j *judge) now() time.Time {
	now := time.Now()
	if now.Before(j.clock.Built) {
		return j.clock.Built
	}
	return now
}

func (j *judge) trusted() bool { return j.clock.Trusted == nil || j.clock.Trusted() }

// chain fails unless the peer's certificates, its own first, lead to one of roots. Names in
// them are the peer's to choose, and 256 KiB of them would fit: what it says is cut short.
func (j *judge) chain(peer []*x509.Certificate, roots *x509.CertPool) error {
	if len(peer) > maxChain {
		return fmt.Errorf("certs: the peer shows %d certificates; at most %d are looked at", len(peer), maxChain)
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: j.now(), KeyUsages: []x509.ExtKeyUsage{j.usage}}
	for _, c := range peer[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := peer[0].Verify(o)
	// The one complained of may not be the last one that is not yet valid.
	for range len(peer) + 1 {
		bad, ok := errors.AsType[x509.CertificateInvalidError](err)
		if !ok || bad.Reason != x509.Expired || !o.CurrentTime.Before(bad.Cert.NotBefore) || j.trusted() {
			break
		}
		o.CurrentTime = bad.Cert.NotBefore
		if _, err = peer[0].Verify(o); err == nil {
			j.early.Log("a certificate that is not yet valid is taken, for nobody is known to have set this machine's clock",
				"subject", fmt.Sprintf("%.100s", peer[0].Subject), "notBefore", bad.Cert.NotBefore, "now", time.Now())
		}
	}
	if bad, ok := errors.AsType[x509.CertificateInvalidError](err); ok && bad.Reason == x509.Expired {
		known := ""
		if !j.trusted() {
			known = ", which nobody is known to have set"
		}
		return fmt.Errorf("certs: the certificate of %.100q is valid from %v to %v, and this machine's clock%s says %v",
			bad.Cert.Subject.String(), bad.Cert.NotBefore, bad.Cert.NotAfter, known, time.Now().UTC().Truncate(time.Second))
	}
	if err != nil {
		return fmt.Errorf("certs: the certificate of %.100q: %.300v", peer[0].Subject.String(), err)
	}
	return nil
}

// own logs, now and then, that the own certificate is not valid now: the other side
// decides what becomes of it.
func (j *judge) own(leaf *x509.Certificate) {
	if leaf == nil {
		return
	}
	switch now := j.now(); {
	case now.After(leaf.NotAfter):
		j.ownOut.Log("the certificate of this side has expired, by this machine's clock: whoever checks it hangs up", "subject", leaf.Subject.String(), "notAfter", leaf.NotAfter, "now", time.Now(), "clockTrusted", j.trusted())
	case now.Before(leaf.NotBefore):
		j.ownOut.Log("the certificate of this side is not yet valid, by this machine's clock", "subject", leaf.Subject.String(), "notBefore", leaf.NotBefore, "now", time.Now(), "clockTrusted", j.trusted())
	}
}
