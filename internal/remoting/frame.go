package remoting

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	// ErrShortFrame says that a frame goes on behind the bytes at hand.
	ErrShortFrame = errors.New("remoting: frame is cut short")
	// ErrBadFrame is wrapped where the lengths of a frame make no sense or go
	// beyond the limits. What follows cannot be found: hang up.
	ErrBadFrame = errors.New("remoting: bad frame")
	// ErrBadHeader is wrapped where a frame's header is not what its serialize
	// type says, or goes beyond the limits.
	ErrBadHeader = errors.New("remoting: bad header")
	// ErrTooLarge is wrapped where a command does not fit a frame.
	ErrTooLarge = errors.New("remoting: command does not fit a frame")
)

// frameHead is the size of what comes before the header: total, serialize type
// and header length.
const frameHead = 8

// A frameSize says where the parts of a frame are.
type frameSize struct {
	total     int // bytes of the whole frame, its length word included
	header    int // bytes of its header, which begins at frameHead
	serialize SerializeType
}

// parseFrameSize reads as much of a frame's head as b holds and checks it
// against lim, so that a frame no peer could mean is known by its first four
// bytes. It fails with ErrShortFrame if b has less than the head (total is set
// once four bytes are there), and with ErrBadFrame.
func parseFrameSize(b []byte, lim *Limits) (frameSize, error) {
	if len(b) < 4 {
		return frameSize{}, ErrShortFrame
	}
	word := binary.BigEndian.Uint32(b)
	if word>>24 == 0x16 {
		return frameSize{}, fmt.Errorf("%w: it begins with %#08x, which is a TLS handshake", ErrBadFrame, word)
	}
	if word < frameHead-4 || uint64(word)+4 > uint64(lim.Frame) {
		return frameSize{}, fmt.Errorf("%w: length %d, want %d to %d", ErrBadFrame, word, frameHead-4, lim.Frame-4)
	}
	size := frameSize{total: int(word) + 4}
	if len(b) < frameHead {
		return size, ErrShortFrame
	}
	word = binary.BigEndian.Uint32(b[4:])
	size.serialize, size.header = SerializeType(word>>24), int(word&0xffffff)
	if most := min(lim.Header, size.total-frameHead); size.header > most {
		return size, fmt.Errorf("%w: header length %d, at most %d in a frame of %d", ErrBadFrame, size.header, most, size.total)
	}
	if size.serialize > Binary {
		return size, fmt.Errorf("%w: serialize type %d", ErrBadFrame, size.serialize)
	}
	return size, nil
}

// finishFrame fills in the head of the frame that begins at start and whose
// header ends at header; body bytes follow it, here or elsewhere.
func finishFrame(dst []byte, start, header, body int, t SerializeType) {
	binary.BigEndian.PutUint32(dst[start:], uint32(header-start-4+body))
	binary.BigEndian.PutUint32(dst[start+4:], uint32(t)<<24|uint32(header-start-frameHead)&0xffffff)
}
