// Package spare keeps a few large buffers for whoever needs such a one soon.
//
// A sync.Pool is emptied by the garbage collector, which large buffers set to work: each
// message of some MiB would then be some MiB of garbage, and where memory is short the
// collector would run for every one of them and still come too late. What is kept here is
// bounded, is not garbage, and is given up once nobody has returned a buffer for a second.
package spare

import (
	"sync"
	"time"
)

// keepTime is how long buffers are kept after the last one was returned.
const keepTime = time.Second

// grain is what sizes are rounded up to, so that buffers fit messages that are nearly
// as long as the one before.
const grain = 64 << 10

// Buffers are such buffers. The zero value keeps none; it is safe for concurrent use.
type Buffers struct {
	Most int // bytes that are kept together

	mu    sync.Mutex // guards the rest
	free  [][]byte
	held  int // bytes in free
	timer *time.Timer
}

// Get returns a buffer of n bytes that hold anything. Its capacity may be more.
func (b *Buffers) Get(n int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	best := -1
	for i, f := range b.free {
		if cap(f) >= n && cap(f) <= 2*n && (best < 0 || cap(f) < cap(b.free[best])) {
			best = i
		}
	}
	if best >= 0 {
		f := b.free[best]
		last := len(b.free) - 1
		b.free[best], b.free[last] = b.free[last], nil
		b.free = b.free[:last]
		b.held -= cap(f)
		return f[:n]
	}
	b.drop() // they are of no use for this size, and both would be too much
	return make([]byte, n, (n+grain-1)/grain*grain)
}

// Put returns a buffer of Get, which is the caller's no more.
func (b *Buffers) Put(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held+cap(p) > b.Most {
		return
	}
	b.free, b.held = append(b.free, p), b.held+cap(p)
	if b.timer == nil {
		b.timer = time.AfterFunc(keepTime, b.expire)
	} else {
		b.timer.Reset(keepTime)
	}
}

// expire gives all buffers up.
func (b *Buffers) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop()
}

// drop forgets all buffers; b.mu is held.
func (b *Buffers) drop() {
	b.free, b.held = nil, 0
}
