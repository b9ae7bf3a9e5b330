package certs

import (
	"crypto/x509"
	"time"
)

const (
	renewTime   = 30 * 24 * 3600 // s before its end a certificate is worth a word
	remindEvery = 24 * time.Hour // between two of them
)

// Ends is when certificates end that are in use, in seconds since 1970: the first of the own one
// and those behind it in its file, all of which are needed, and the first of the authorities, since
// whom that has signed for is refused from then on. 0 is none. It looks at the files as a
// handshake does, but waits for nobody who is at it: a disk that does not answer holds up one
// caller, and the next ones learn what is in use.
func (s *Server) Ends() (own, trust int64) { return s.kept.end() }

// Ends is what Server.Ends is.
func (c *Client) Ends() (own, trust int64) { return c.kept.end() }

func (k *kept) end() (own, trust int64) {
	if k.mu.TryLock() {
		k.look()
		k.mu.Unlock()
	}
	return k.ends[0].Load(), k.ends[1].Load()
}

// firstEnd is when the first of them ends, in seconds since 1970. There is one or more.
func firstEnd(all []*x509.Certificate) int64 {
	end := all[0].NotAfter.Unix()
	for _, c := range all {
		end = min(end, c.NotAfter.Unix())
	}
	return end
}

// remind logs once a day which file has what ends soon, or has ended, by a clock that somebody
// has set; k.mu is held.
func (k *kept) remind(now time.Time) {
	if !k.reminded.IsZero() && now.Sub(k.reminded) < remindEvery {
		return
	}
	for i, path := range [...]string{k.files.Cert, k.files.CA} {
		if end := k.now.ends[i]; end != 0 && end-now.Unix() < renewTime && k.judge.trusted() {
			k.reminded = now
			k.log.Warn("certificates end within 30 days, or have ended: put new ones in the place of the file", "file", path, "notAfter", time.Unix(end, 0).UTC())
		}
	}
}
