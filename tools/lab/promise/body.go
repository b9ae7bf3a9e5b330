package promise

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"
)

// Sizes of bodies. Small ones are as frequent as large ones in every ratio, so
// that records end at all places of a page and of a block.
const (
	minBody = 100
	maxBody = 20 << 10
)

// Body is the body of the message id: the id, and bytes that follow from it.
func Body(id int64) []byte {
	rng := rand.NewPCG(uint64(id), 23)
	part := float64(rng.Uint64()>>11) / (1 << 53)
	size := int(minBody * math.Pow(maxBody/minBody, part))
	b := append(strconv.AppendInt(append(make([]byte, 0, size+8), "lab "...), id, 10), ' ')
	for len(b) < size {
		b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
	}
	return b[:size]
}

// ID returns the id of the message with this body, -1 if it is none's.
func ID(body []byte) int64 {
	rest, ours := bytes.CutPrefix(body, []byte("lab "))
	digits, _, found := bytes.Cut(rest[:min(len(rest), 20)], []byte(" "))
	if !ours || !found {
		return -1
	}
	id, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || id < 0 || !bytes.Equal(Body(id), body) {
		return -1
	}
	return id
}
