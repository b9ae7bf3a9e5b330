package remoting

import (
	"math/bits"
	"sync"
)

const (
	minBuffer = 4 << 10  // what an idle connection keeps
	hotBuffer = 64 << 10 // what a busy one may have so as to read many frames at once
)

// A buffer is bytes from a bufferPool; its length is a power of two.
type buffer struct{ b []byte }

// A bufferPool keeps buffers of 4 KiB to 16 MiB for reuse. The zero value is
// ready; it is safe for concurrent use.
type bufferPool struct{ classes [13]sync.Pool }

// classOf returns the class whose buffers hold size bytes.
func classOf(size int) int { return max(0, bits.Len(uint(size-1))-12) }

// get returns a buffer of at least size bytes, at most maxFrame.
func (p *bufferPool) get(size int) *buffer {
	class := classOf(size)
	if b, ok := p.classes[class].Get().(*buffer); ok {
		return b
	}
	return &buffer{make([]byte, minBuffer<<class)}
}

// put takes back a buffer of get.
func (p *bufferPool) put(b *buffer) { p.classes[classOf(len(b.b))].Put(b) }
