// Package acl says who may do what: accounts with permissions for topics and groups,
// addresses that need no account, and signatures of requests. It reads RocketMQ's
// plain_acl.yml and tools.yml, and users of 5.x with their policies, which are package auth's, in a file of
// ours; and looks again at files that have changed.
//
// It knows which permission an account has, not which one a request needs: that is the
// broker's. Formats and rules: RocketMQ 4.9.7, module acl, and 5.4.0, module auth. Where a file can be read in more
// than one way the narrower one counts, or the file is refused: see docs/compatibility.md.
//
// # What a signature is worth
//
// It proves that who made the request knew the secret. It covers the values of the header's
// fields, in the order of their names but without these, and the body, with nothing between,
// and neither code, opaque nor time: who sees a signed request in plain text can send it again,
// as often as they like and from anywhere, even under another request code, until the
// secret is changed; and they can cut the same text into other fields. Package rights lets no
// field through that a code has not, but for clients' requests. A window for replays cannot be
// had: no client sends a time or a number that is signed. Who cannot trust the network needs TLS.
package acl
