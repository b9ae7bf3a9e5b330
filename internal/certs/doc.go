// Package certs keeps what TLS needs in memory as it stands in files: certificates, their
// keys, and the authorities that are trusted. It reads files again once they have
// changed, judges certificates on machines whose clock may be wrong, and makes a small
// authority of one's own and what it signs.
//
// It knows nothing of connections: who listens or dials asks it for a [tls.Config] at
// each handshake.
//
// # Versions
//
// TLS 1.2 and 1.3, with what package crypto/tls prefers: Java 8 speaks 1.2. Sessions are not
// resumed: a client that was let in under an authority that is not trusted any more
// must show its certificate again, and connections of this protocol live for hours.
//
// # Clocks
//
// A board without a battery starts in the past, where no certificate is valid yet. While
// nothing is known to have set the clock, a certificate that is not yet valid is taken as
// one that is valid since just now, and the log says so. What has expired is refused by
// any clock: one that is behind can only say so too late. No time before that at which
// the program was made counts.
package certs
