package replica

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"pairmq/replica/proof"
)

// proofTime is how long two halves may take to make sure of each other, TLS included.
const proofTime = 5 * time.Second

// errStranger says that a peer is neither configured nor has proven anything.
var errStranger = errors.New("replica: not the other half of this pair")

// errNoProof says that a peer does not prove anything: it is a stock broker, one of ours without
// a secret, or an older one.
var errNoProof = errors.New("replica: the other side does not prove that it has the secret")

// A Trust says who the other half may be, and how two of ours make sure of each other on
// the replication port: see package proof. Behind the proof is always TLS: without, whoever has
// himself dialled could pass the four messages on to a half, and then speak for it. The zero value takes everybody.
type Trust struct {
	// Plain says who may be the other half without any proof: a stock broker has none.
	// nil: everybody may. It must not block.
	Plain func(local, remote netip.Addr) bool
	// Chosen says the same of the address that a slave dials, which a person may have
	// configured; nil: of none. With Key it does not count: who gives a secret wants it asked for.
	Chosen func(addr string) bool
	// Met says where the other half has been, which shortens no proof: of connections that nobody knows
	// yet, those are spared. nil: nobody remembers. It must not block.
	Met func(remote netip.Addr) bool

	Key   *proof.Key         // nil: nobody proves anything
	Claim func() proof.Claim // what this side says of itself; required with Key
	Seal  *proof.Seal        // required with Key: the certificate that is shown
	TLS   bool               // this side follows nobody without TLS, which stands behind every proof
}

// plain says whether the peer of nc need not prove anything.
func (t *Trust) plain(nc net.Conn) bool {
	return t.Plain == nil || t.Plain(ends(nc))
}

// takes says the same of nc that was dialled at addr.
func (t *Trust) takes(nc net.Conn, addr string) bool {
	return t.plain(nc) || t.Key == nil && t.Chosen != nil && t.Chosen(addr)
}

// claim is what this side says of itself on one connection.
func (t *Trust) claim() proof.Claim {
	c := t.Claim()
	c.Pin = t.Seal.Pin()
	return c
}

// listen makes sure of who dialled nc, of whose hello the first bytes were read. The connection
// to go on with is nc under TLS. Not more is read than the messages.
func (t *Trust) listen(nc net.Conn, first []byte) (net.Conn, error) {
	if err := nc.SetDeadline(time.Now().Add(proofTime)); err != nil {
		return nil, err
	}
	hello := make([]byte, proof.HelloSize)
	n := copy(hello, first)
	if _, err := io.ReadFull(nc, hello[n:]); err != nil {
		return nil, fmt.Errorf("%w: %w", errStranger, err)
	}
	l, err := proof.NewListener(t.Key, proof.Replication, hello, true)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStranger, err)
	}
	if _, err := nc.Write(l.Challenge()); err != nil {
		return nil, err
	}
	his := make([]byte, proof.ProofSize)
	if _, err := io.ReadFull(nc, his); err != nil {
		return nil, fmt.Errorf("%w: %w", errStranger, err)
	}
	claim, verdict, err := l.Judge(his, t.claim())
	if verdict != nil {
		_, werr := nc.Write(verdict)
		err = cmp.Or(err, werr)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStranger, err)
	}
	out, err := t.Seal.Accepted(nc, &claim)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStranger, err)
	}
	return out, nc.SetDeadline(time.Time{})
}

// dial makes sure of who was dialled, for so long: see listen. It fails with errNoProof if the peer
// seems to know nothing of it.
func (t *Trust) dial(nc net.Conn, most time.Duration) (net.Conn, proof.Claim, error) {
	var none proof.Claim
	if err := nc.SetDeadline(time.Now().Add(most)); err != nil {
		return nil, none, err
	}
	d := proof.NewDialer(t.Key, proof.Replication, true)
	challenge, verdict := make([]byte, proof.HelloSize), make([]byte, proof.VerdictSize)
	if _, err := nc.Write(d.Hello()); err != nil {
		return nil, none, fmt.Errorf("%w: %w", errNoProof, err)
	}
	if _, err := io.ReadFull(nc, challenge); err != nil {
		return nil, none, fmt.Errorf("%w: %w", errNoProof, err)
	}
	_, err := d.Challenged(challenge) // which fails unless it will be sealed
	switch {
	case errors.Is(err, proof.ErrMessage):
		return nil, none, fmt.Errorf("%w: %w", errNoProof, err)
	case err != nil:
		return nil, none, fmt.Errorf("%w: %w", errStranger, err)
	}
	if _, err := nc.Write(d.Proof(t.claim())); err != nil {
		return nil, none, err
	}
	if _, err := io.ReadFull(nc, verdict); err != nil {
		return nil, none, fmt.Errorf("replica: the master's verdict: %w", err)
	}
	his, err := d.Verdict(verdict)
	if err != nil {
		return nil, none, fmt.Errorf("%w: %w", errStranger, err)
	}
	out, err := t.Seal.Dialled(nc, &his)
	if err != nil {
		return nil, none, fmt.Errorf("%w: %w", errStranger, err)
	}
	return out, his, nc.SetDeadline(time.Time{})
}
