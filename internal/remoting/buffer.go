package remoting

import (
	"math/bits"
	"sync"

	"pairmq/internal/spare"
)

const (
	minBuffer = 4 << 10  // what an idle connection keeps
	hotBuffer = 64 << 10 // what a busy one may have so as to read many frames at once
	// coarse is the largest buffer that is twice the one before it; beyond it
	// there are four sizes to each doubling: half of 8 MiB would be too much to waste.
	coarse      = 1 << 20
	steps       = 4
	coarseSizes = 9 // 4 KiB to 1 MiB
)

// A buffer is bytes from a bufferPool; its length is one of the pool's sizes.
type buffer struct{ b []byte }

// A bufferPool keeps buffers of 4 KiB to 16 MiB for reuse. The zero value keeps no
// coarse ones; it is safe for concurrent use.
type bufferPool struct {
	classes [coarseSizes]sync.Pool
	large   spare.Buffers // beyond coarse
}

// classOf returns the class whose buffers hold size bytes.
func classOf(size int) int {
	if size <= coarse {
		return max(0, bits.Len(uint(size-1))-12)
	}
	double := bits.Len(uint(size-1)) - 21 // doublings of coarse that are not enough
	step := coarse << double / steps
	return coarseSizes - 1 + double*steps + (size-coarse<<double+step-1)/step
}

// sizeOf returns how large the buffers of a class are.
func sizeOf(class int) int {
	if class < coarseSizes {
		return minBuffer << class
	}
	double, step := (class-coarseSizes)/steps, (class-coarseSizes)%steps+1
	return coarse<<double + step*(coarse<<double/steps)
}

// get returns a buffer of at least size bytes, at most maxFrame.
func (p *bufferPool) get(size int) *buffer {
	class := classOf(size)
	if class >= coarseSizes {
		b := p.large.Get(sizeOf(class))
		return &buffer{b[:sizeOf(class):sizeOf(class)]}
	}
	if b, ok := p.classes[class].Get().(*buffer); ok {
		return b
	}
	return &buffer{make([]byte, sizeOf(class))}
}

// put takes back a buffer of get.
func (p *bufferPool) put(b *buffer) {
	if class := classOf(len(b.b)); class < coarseSizes {
		p.classes[class].Put(b)
		return
	}
	p.large.Put(b.b)
}
