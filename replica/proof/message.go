package proof

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Sizes of the messages, in bytes.
const (
	HelloSize   = headSize + nonceSize + tailSize // of a challenge too
	ProofSize   = claimSize + macSize
	VerdictSize = 1 + ProofSize

	headSize  = 8
	nonceSize = 32
	tailSize  = 8
	claimSize = 1 + 8 + sha256.Size + sha256.Size
	macSize   = sha256.Size
)

// A Use says what is proven for: what was said in one use counts in no other.
type Use byte

const (
	Replication Use = 1 // a connection to the replication port
	Requests    Use = 2 // a connection to the port for clients
)

const (
	version    = 1
	flagSealed = 1
)

const (
	dials   = "pairmq proof 1, who dials\n"
	listens = "pairmq proof 1, who listens\n"
)

// noReport is -1, the offset of a slave that has reported nothing, to a stock master.
var noReport = [tailSize]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

var magic = [5]byte{0xff, 'p', 'm', 'q', 'p'}

var (
	// ErrMessage: the peer does not speak this.
	ErrMessage = errors.New("proof: not a message of a proof")
	// ErrRefused: the peer, or this side, does not believe.
	ErrRefused = errors.New("proof: refused")
)

// A Claim is what a half says of itself.
type Claim struct {
	Slave bool
	Epoch int64             // the latest of its log, 0 for none
	Name  [sha256.Size]byte // see NameOf
	Pin   [sha256.Size]byte // on the replication port, of the certificate that it will show; of who dials the port for clients, DialledOf; else zero
}

// DialledOf is the address that a half has dialled, as claims have it. Zones are of one machine, and left out.
func DialledOf(addr netip.AddrPort) [sha256.Size]byte {
	return sha256.Sum256([]byte(netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port()).String()))
}

// NameOf is a brokerName as claims have it.
func NameOf(brokerName string) [sha256.Size]byte { return sha256.Sum256([]byte(brokerName)) }

func (c *Claim) appendTo(b []byte) []byte {
	role := byte(0)
	if c.Slave {
		role = 1
	}
	b = binary.BigEndian.AppendUint64(append(b, role), uint64(c.Epoch))
	return append(append(b, c.Name[:]...), c.Pin[:]...)
}

// parseClaim reads one from the first claimSize bytes of b.
func parseClaim(b []byte) (c Claim, err error) {
	if b[0] > 1 {
		return c, fmt.Errorf("%w: role %d", ErrMessage, b[0])
	}
	c.Slave, c.Epoch = b[0] == 1, int64(binary.BigEndian.Uint64(b[1:]))
	if c.Epoch < 0 {
		return c, fmt.Errorf("%w: epoch %d", ErrMessage, c.Epoch)
	}
	copy(c.Name[:], b[9:])
	copy(c.Pin[:], b[9+sha256.Size:])
	return c, nil
}

// IsHello says whether what begins with b, of which there may be less than HelloSize, can be a hello.
func IsHello(b []byte) bool {
	n := min(len(b), len(magic))
	return bytes.Equal(b[:n], magic[:n])
}

// newHello is a hello or a challenge with a fresh nonce.
func newHello(use Use, seal bool) []byte {
	b := make([]byte, HelloSize)
	copy(b, magic[:])
	b[5], b[6] = version, byte(use)
	if seal {
		b[7] = flagSealed
	}
	_, _ = rand.Read(b[headSize:]) // it never fails
	for i := headSize; i < headSize+nonceSize; i += 8 {
		b[i] |= 0x80 // no offset to a stock broker
	}
	copy(b[headSize+nonceSize:], noReport[:])
	return b
}

// checkHello reads a hello or a challenge.
func checkHello(b []byte, use Use) (seal bool, err error) {
	switch {
	case len(b) != HelloSize || !IsHello(b):
		return false, fmt.Errorf("%w: %d bytes that begin with %x", ErrMessage, len(b), b[:min(len(b), headSize)])
	case !bytes.Equal(b[headSize+nonceSize:], noReport[:]):
		return false, fmt.Errorf("%w: it ends in %x", ErrMessage, b[headSize+nonceSize:])
	case b[5] != version:
		return false, fmt.Errorf("%w: version %d, this is %d", ErrMessage, b[5], version)
	case b[6] != byte(use) || b[7]&^flagSealed != 0:
		return false, fmt.Errorf("%w: use %d with flags %x, want use %d", ErrMessage, b[6], b[7], use)
	}
	return b[7] == flagSealed, nil
}
