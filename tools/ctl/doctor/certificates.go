package doctor

import (
	"crypto/x509"
	"sort"
	"time"

	"pairmq/daemon/config"
	"pairmq/hal/board"
	"pairmq/internal/certs"
)

// renewTime is how long before its end a certificate is worth a word.
const renewTime = 30 * 24 * time.Hour

// certificates looks at the dates of those that TLS is configured with, by this machine's clock.
func (x *exam) certificates() {
	type file struct {
		key, path string
		trusted   bool // it is those of authorities
	}
	var all []file
	if x.cfg.TLSMode != config.TLSDisabled {
		all = append(all, file{"tlsServerCertPath", x.cfg.TLSCert, false}, file{"tlsServerTrustCertPath", x.cfg.TLSTrust, true})
	}
	if x.cfg.TLSEnable {
		all = append(all, file{"tlsClientTrustCertPath", x.cfg.TLSServers, true}, file{"tlsClientCertPath", x.cfg.TLSOwnCert, false})
	}
	for _, f := range all {
		if f.path == "" {
			continue
		}
		chain, err := certs.Read(f.path)
		if err != nil {
			x.wrong("certificates", "have the file be there whole, and run this as root or as the user that pairmqd runs as", "%s: %v", f.key, err)
			continue
		}
		// All of a chain are needed; of authorities one is enough, and the old one stands beside the new.
		sort.Slice(chain, func(i, j int) bool { return chain[i].NotAfter.Before(chain[j].NotAfter) })
		one := chain[0]
		if f.trusted {
			one = chain[len(chain)-1]
		}
		x.dates(f.key, f.path, one)
	}
}

// dates judges one as the daemon does, for which no time before it was made counts.
func (x *exam) dates(key, path string, c *x509.Certificate) {
	const name, renew = "certificates", "make it anew with pairmq cert sign, or whoever made it, and put it in the place of the file: it is used from then on"
	clock := x.wallClock()
	now, trust := clock.Now, clock.Trust()
	if now.Before(clock.Built) {
		now = clock.Built
	}
	until := c.NotAfter.UTC().Format(time.RFC3339)
	switch left := c.NotAfter.Sub(now); {
	case left < 0:
		x.wrong(name, renew+"; if it has not expired, set the clock, which is "+trust.String(), "%s: %.100q in %s has expired, on %s: whoever checks it hangs up", key, c.Subject.String(), path, until)
	case now.Before(c.NotBefore) && trust >= board.ClockKept:
		x.wrong(name, "wait, set the clock if it is wrong, or have the certificate made for an earlier time", "%s: %.100q in %s is not valid before %s, and this machine's clock is %s: whoever checks it hangs up", key, c.Subject.String(), path, c.NotBefore.UTC().Format(time.RFC3339), trust)
	case now.Before(c.NotBefore):
		x.warn(name, "have the clock set: others, whose clock is, may refuse it", "%s: %.100q in %s is not valid before %s; the daemon takes it all the same, for nobody is known to have set this machine's clock", key, c.Subject.String(), path, c.NotBefore.UTC().Format(time.RFC3339))
	case left < renewTime:
		x.warn(name, renew, "%s: %.100q in %s expires in %d days, on %s", key, c.Subject.String(), path, int(left.Hours())/24, until)
	default:
		x.ok(name, "%s: %.100q in %s is valid until %s", key, c.Subject.String(), path, until)
	}
}
