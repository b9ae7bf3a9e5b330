package proof

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// The first byte of a verdict.
const (
	proven      byte = iota
	otherSecret      // the MAC is not that of this secret
	otherName        // the claim is of a broker of another name
	otherPlace       // who dials has dialled somebody else
)

// A Dialer is the side that dials: Hello, Challenged, Proof, Verdict, in that order. One serves for one
// connection.
type Dialer struct {
	key              *Key
	use              Use
	seal             bool
	hello, challenge []byte
	proof            []byte
	own              Claim
}

// NewDialer returns one with a nonce of its own; seal asks for TLS behind the proof.
func NewDialer(key *Key, use Use, seal bool) *Dialer {
	return &Dialer{key: key, use: use, seal: seal, hello: newHello(use, seal)}
}

// Hello is the first message.
func (d *Dialer) Hello() []byte { return d.hello }

// Challenged takes the answer to Hello, and says whether the connection will be sealed. It fails with
// ErrMessage if it is none.
func (d *Dialer) Challenged(b []byte) (sealed bool, err error) {
	sealed, err = checkHello(b, d.use)
	if err == nil && d.seal && !sealed {
		err = fmt.Errorf("%w: the peer does not want TLS", ErrRefused)
	}
	d.challenge = append([]byte(nil), b...)
	return sealed, err
}

// Proof shows that this side has the secret, and what it says of itself.
func (d *Dialer) Proof(own Claim) []byte {
	d.own = own
	claim := own.appendTo(nil)
	d.proof = append(claim, d.key.sum(dials, d.hello, d.challenge, claim)...)
	return d.proof
}

// Verdict takes the answer to Proof and returns what the peer says of itself, once it has
// shown that it has the secret too. It fails with ErrMessage and ErrRefused.
func (d *Dialer) Verdict(b []byte) (Claim, error) {
	if len(b) != VerdictSize {
		return Claim{}, fmt.Errorf("%w: a verdict of %d bytes", ErrMessage, len(b))
	}
	switch b[0] {
	case proven:
	case otherSecret:
		return Claim{}, fmt.Errorf("%w: the peer has another secret", ErrRefused)
	case otherName:
		return Claim{}, fmt.Errorf("%w: the peer is a broker of another name", ErrRefused)
	case otherPlace:
		return Claim{}, fmt.Errorf("%w: the peer does not have the address that was dialled: somebody else has passed the proof on", ErrRefused)
	default:
		return Claim{}, fmt.Errorf("%w: verdict %d", ErrMessage, b[0])
	}
	claim, mac := b[1:1+claimSize], b[1+claimSize:]
	if !hmac.Equal(mac, d.key.sum(listens, d.hello, d.challenge, d.proof, b[:1], claim)) {
		return Claim{}, fmt.Errorf("%w: the peer does not have the secret", ErrRefused)
	}
	his, err := parseClaim(claim)
	if err == nil && his.Name != d.own.Name {
		err = fmt.Errorf("%w: the peer is a broker of another name", ErrRefused)
	}
	return his, err
}

// A Listener is the side that listens: Challenge, Judge, in that order. One serves for one connection.
type Listener struct {
	key              *Key
	hello, challenge []byte
	sealed           bool
}

// NewListener takes a hello; seal has the connection sealed even if the peer does not want
// it. It fails with ErrMessage.
func NewListener(key *Key, use Use, hello []byte, seal bool) (*Listener, error) {
	wanted, err := checkHello(hello, use)
	if err != nil {
		return nil, err
	}
	seal = seal || wanted
	return &Listener{key: key, hello: append([]byte(nil), hello...), challenge: newHello(use, seal), sealed: seal}, nil
}

// Challenge is the answer to the hello.
func (l *Listener) Challenge() []byte { return l.challenge }

// Sealed says whether TLS follows the verdict.
func (l *Listener) Sealed() bool { return l.sealed }

// Judge takes the proof and returns what the peer says of itself, and the verdict to send,
// which there is one of also if it fails with ErrRefused. With ErrMessage there is none.
func (l *Listener) Judge(proof []byte, own Claim) (his Claim, verdict []byte, err error) {
	if len(proof) != ProofSize {
		return Claim{}, nil, fmt.Errorf("%w: a proof of %d bytes", ErrMessage, len(proof))
	}
	claim, mac := proof[:claimSize], proof[claimSize:]
	if !hmac.Equal(mac, l.key.sum(dials, l.hello, l.challenge, claim)) {
		return Claim{}, refusal(otherSecret), fmt.Errorf("%w: the peer has another secret", ErrRefused)
	}
	if his, err = parseClaim(claim); err != nil {
		return Claim{}, nil, err
	}
	if his.Name != own.Name {
		return Claim{}, refusal(otherName), fmt.Errorf("%w: the peer is a broker of another name", ErrRefused)
	}
	verdict = own.appendTo([]byte{proven})
	return his, append(verdict, l.key.sum(listens, l.hello, l.challenge, proof, verdict[:1], verdict[1:])...), nil
}

// Elsewhere is the verdict for one that has proven that it has the secret, and has dialled somebody else.
func (l *Listener) Elsewhere() []byte { return refusal(otherPlace) }

func refusal(why byte) []byte {
	b := make([]byte, VerdictSize)
	b[0] = why
	return b
}

// Pin is how a claim names a certificate (DER).
func Pin(cert []byte) [sha256.Size]byte { return sha256.Sum256(cert) }
