package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes of the frames, in bytes.
const (
	reportSize = 8
	headerSize = 12
)

// maxBody is the longest body that a slave takes, in bytes: more than any
// master sends, and no more than memory can bear.
const maxBody = 1 << 20

// maxOffset is the largest offset that is believed: sums with it stay positive.
const maxOffset = 1 << 62

// errFrame says that a peer does not speak the protocol.
var errFrame = errors.New("replica: not a frame of the protocol")

// A header is the head of a transfer.
type header struct {
	offset int64 // of the body's first byte; of a heartbeat, of the next body
	size   int   // bytes of body; 0 for a heartbeat
}

func appendHeader(dst []byte, h header) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(dst, uint64(h.offset)), uint32(h.size))
}

// parseHeader reads a header from the headerSize bytes of b; it fails with
// errFrame if no master can have sent them.
func parseHeader(b []byte) (header, error) {
	h := header{offset: int64(binary.BigEndian.Uint64(b)), size: int(int32(binary.BigEndian.Uint32(b[8:])))}
	if h.offset < 0 || h.offset > maxOffset || h.size < 0 || h.size > maxBody {
		return h, fmt.Errorf("%w: offset %d, %d bytes, at most %d are taken", errFrame, h.offset, h.size, maxBody)
	}
	return h, nil
}

func appendReport(dst []byte, end int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(end))
}

// reports finds the reports in a stream that is cut anywhere. The zero value is
// ready.
type reports struct {
	part [reportSize]byte // of a report that is not complete
	n    int
}

// last takes in what arrived and returns the last complete report; ok is false
// if none was completed. Like a stock master it passes over those before it.
func (r *reports) last(b []byte) (end int64, ok bool) {
	if r.n+len(b) < reportSize {
		r.n += copy(r.part[r.n:], b)
		return 0, false
	}
	tail := (r.n + len(b)) % reportSize
	whole := b[:len(b)-tail] // with part in front, a multiple of reportSize
	if len(whole) >= reportSize {
		end = int64(binary.BigEndian.Uint64(whole[len(whole)-reportSize:]))
	} else {
		copy(r.part[reportSize-len(whole):], whole)
		end = int64(binary.BigEndian.Uint64(r.part[:]))
	}
	r.n = copy(r.part[:], b[len(b)-tail:])
	return end, true
}
