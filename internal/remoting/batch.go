package remoting

import (
	"bytes"
	"fmt"
	"net"
	"sync"
)

const (
	copyBelow  = 2 << 10   // bodies up to this size are copied even if they need not
	copyInline = 32 << 10  // bodies to be copied, up to this size, go between the headers
	writeChunk = 128 << 10 // bytes per write; each has WriteTime
)

// A batch is frames that wait to be written together. Headers and small bodies
// stand in buf, one after the other; large bodies are inserted on writing.
type batch struct {
	buf    []byte
	bodies []insertion
	size   int64       // bytes in all
	vector net.Buffers // its pieces, while being written
	chunk  net.Buffers // those of vector that one write takes
}

// An insertion is a body that goes between buf[:at] and buf[at:].
type insertion struct {
	at      int
	body    []byte
	release func()
}

// add appends c with body as one frame of at most limit bytes; it returns
// ErrTooLarge and adds nothing if it would be longer. body is copied unless
// release is set; it may be copied even then, when kept is false and release
// remains the caller's to call.
func (b *batch) add(c *Command, body []byte, release func(), limit int) (kept bool, err error) {
	start := len(b.buf)
	b.buf = appendHead(b.buf, c)
	header := len(b.buf)
	if header-start > limit-len(body) || header-start-frameHead > 0xffffff {
		b.buf = b.buf[:start]
		return false, fmt.Errorf("%w: header %d, body %d, limit %d", ErrTooLarge, header-start, len(body), limit)
	}
	finishFrame(b.buf, start, header, len(body), c.Serialize)
	b.size += int64(header - start + len(body))
	switch {
	case release != nil && len(body) > copyBelow:
		b.bodies = append(b.bodies, insertion{header, body, release})
		return true, nil
	case len(body) > copyInline:
		b.bodies = append(b.bodies, insertion{header, bytes.Clone(body), nil})
	default:
		b.buf = append(b.buf, body...)
	}
	return false, nil
}

// pieces returns the batch as slices to be written one after the other, none
// longer than writeChunk.
func (b *batch) pieces() net.Buffers {
	b.vector = b.vector[:0]
	from := 0
	for _, in := range b.bodies {
		b.cut(b.buf[from:in.at])
		b.cut(in.body)
		from = in.at
	}
	b.cut(b.buf[from:])
	return b.vector
}

func (b *batch) cut(p []byte) {
	for len(p) > 0 {
		n := min(len(p), writeChunk)
		b.vector = append(b.vector, p[:n])
		p = p[n:]
	}
}

// drop releases the bodies and empties the batch.
func (b *batch) drop() {
	for i := range b.bodies {
		if release := b.bodies[i].release; release != nil {
			release()
		}
	}
	clear(b.bodies)
	clear(b.vector[:cap(b.vector)])
	b.buf, b.bodies, b.vector, b.size = b.buf[:0], b.bodies[:0], b.vector[:0], 0
}

// A batchPool keeps empty batches for reuse. The zero value is ready.
type batchPool struct{ pool sync.Pool }

func (p *batchPool) get() *batch {
	if b, ok := p.pool.Get().(*batch); ok {
		return b
	}
	return &batch{buf: make([]byte, 0, minBuffer)}
}

// put takes back a batch after drop; it forgets one that has grown large.
func (p *batchPool) put(b *batch) {
	if cap(b.buf) <= 2*hotBuffer && cap(b.bodies) <= 256 {
		p.pool.Put(b)
	}
}
