package remoting

import (
	"sync"
	"sync/atomic"
)

// A budget counts bytes that many connections hold against one limit. Whoever
// finds it not yet used up may take as much as it needs, so that a large frame
// is not kept out for ever by small ones.
type budget struct {
	limit   int64
	used    atomic.Int64
	waiters atomic.Int32
	mu      sync.Mutex
	freed   chan struct{} // closed when something was given back; guarded by mu
}

func newBudget(limit int64) *budget {
	return &budget{limit: limit, freed: make(chan struct{})}
}

// take takes n bytes, if less than limit are in use.
func (b *budget) take(n, limit int64) bool {
	for {
		used := b.used.Load()
		if used >= limit {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// force takes n bytes in any case: they are there already.
func (b *budget) force(n int64) { b.used.Add(n) }

// give gives n bytes back.
func (b *budget) give(n int64) {
	if b.used.Add(-n) >= b.limit || b.waiters.Load() == 0 {
		return
	}
	b.mu.Lock()
	close(b.freed)
	b.freed = make(chan struct{})
	b.mu.Unlock()
}

// more returns a channel that is closed when bytes are given back after now, to
// those who count in waiters.
func (b *budget) more() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.freed
}
