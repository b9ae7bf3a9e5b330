package proof

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Bounds of a secret, in bytes.
const (
	LeastSecret = 16
	MostSecret  = 4 << 10
)

// ErrSecret says that a secret cannot be one.
var ErrSecret = errors.New("proof: no secret")

// A Key is a secret that two halves share. It never leaves the process.
type Key struct{ b []byte }

// NewKey returns the key of a secret, of which it keeps a copy. It fails with ErrSecret for
// one that is too short or too long, and for what no person or program means as one: a zero byte in it is left
// over from a file that was not written, or is of two bytes to a character, and one byte again and again
// is what somebody tries first.
func NewKey(secret []byte) (*Key, error) {
	n := len(secret)
	switch {
	case n < LeastSecret || n > MostSecret:
		return nil, fmt.Errorf("%w: it has %d bytes; want %d to %d", ErrSecret, n, LeastSecret, MostSecret)
	case bytes.IndexByte(secret, 0) >= 0:
		return nil, fmt.Errorf("%w: byte %d of %d is zero", ErrSecret, bytes.IndexByte(secret, 0), n)
	case bytes.Count(secret, secret[:1]) == n:
		return nil, fmt.Errorf("%w: all its %d bytes are the same", ErrSecret, n)
	}
	return &Key{append([]byte(nil), secret...)}, nil
}

// String keeps a key out of logs.
func (k *Key) String() string { return "(secret)" }

// sum is the MAC of parts of fixed size behind a label.
func (k *Key) sum(label string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, k.b)
	h.Write([]byte(label))
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
