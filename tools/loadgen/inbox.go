package loadgen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxFrame is the largest frame that a RocketMQ peer accepts by default, in
// bytes with its length field.
const maxFrame = 16 << 20

// errFrame is the cause when a peer sends what can be no reply.
var errFrame = errors.New("loadgen: bad frame")

// A frame is one reply; its slices are valid until the inbox is filled again.
type frame struct {
	kind   byte // 0 JSON header, 1 RocketMQ's binary header
	header []byte
	body   []byte
}

// cut returns the frame that b starts with and its size in bytes. Size 0 and
// no error mean that b does not hold all of it yet; want is how many bytes
// that takes, as far as b tells.
func cut(b []byte) (f frame, size, want int, err error) {
	if len(b) < 8 {
		return frame{}, 0, 8, nil
	}
	total, header := binary.BigEndian.Uint32(b), int(b[5])<<16|int(b[6])<<8|int(b[7])
	if total > maxFrame-4 || header > int(total)-4 {
		return frame{}, 0, 0, fmt.Errorf("%w: %d bytes, of which %d header", errFrame, total, header)
	}
	size = int(total) + 4
	if len(b) < size {
		return frame{}, 0, size, nil
	}
	return frame{kind: b[4], header: b[8 : 8+header], body: b[8+header : size]}, size, 0, nil
}

// An inbox reads frames from a connection, as many as there are at a time.
type inbox struct {
	from io.Reader
	buf  []byte
	r, w int // what is read of buf and not cut yet
	want int // bytes that the next frame takes, as far as known
}

func newInbox(from io.Reader) *inbox { return &inbox{from: from, buf: make([]byte, 64<<10)} }

// fill blocks in one read and adds what it brought.
func (in *inbox) fill() error {
	switch {
	case in.r == in.w:
		in.r, in.w = 0, 0
	case in.r > 0 && in.r+max(in.want, 1) > len(in.buf):
		in.r, in.w = 0, copy(in.buf, in.buf[in.r:in.w])
	}
	if in.want > len(in.buf) {
		in.buf = append(make([]byte, 0, in.want+in.want/2), in.buf[:in.w]...)
		in.buf = in.buf[:cap(in.buf)]
	}
	n, err := in.from.Read(in.buf[in.w:])
	in.w += n
	if n > 0 {
		return nil
	}
	return err
}

// next returns the next whole frame that fill has brought, if there is one.
func (in *inbox) next() (frame, bool, error) {
	f, size, want, err := cut(in.buf[in.r:in.w])
	in.r += size
	in.want = want
	return f, size > 0, err
}
