package remoting

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A purpose is what bytes of the budget are wanted for. Each may use the budget up
// to its own mark, so that what brings much in never keeps out what takes much
// away, nor either of them the small requests: a heartbeat is answered
// whatever others send.
type purpose int

const (
	forRequests purpose = iota // small requests, until they are answered: up to half beyond the limit
	forReplies                 // what a reply will need: up to the limit
	forFrames                  // large frames: up to half of the limit
	purposes
)

// A budget counts bytes that many connections hold against one limit. Whoever
// finds it not yet used up, as far as his purpose may, may take as much as he
// needs, so that a large frame is not kept out for ever by small ones. Those who
// wait for the same purpose get their turn in the order in which they came.
type budget struct {
	limit   int64
	used    atomic.Int64
	waiting atomic.Int32
	mu      sync.Mutex // guards the rest
	lines   [purposes][]*turn
}

// A turn is one who waits for n bytes.
type turn struct {
	n   int64
	got chan struct{} // closed when they are his
}

func newBudget(limit int64) *budget { return &budget{limit: limit} }

// mark is how much may be in use before more is given for a purpose.
func (b *budget) mark(p purpose) int64 {
	switch p {
	case forRequests:
		return b.limit + b.limit/2
	case forFrames:
		return b.limit / 2
	default:
		return b.limit
	}
}

// take takes n bytes, if less than mark are in use.
func (b *budget) take(n, mark int64) bool {
	for {
		used := b.used.Load()
		if used >= mark {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// ask takes n bytes, or returns the turn to wait for.
func (b *budget) ask(n int64, p purpose) *turn {
	if b.waiting.Load() == 0 && b.take(n, b.mark(p)) {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := &turn{n: n, got: make(chan struct{})}
	b.lines[p] = append(b.lines[p], t)
	b.waiting.Add(1)
	b.serve() // what was given back meanwhile has served nobody
	return t
}

// leave gives up waiting for a turn. It returns false if that has come.
func (b *budget) leave(t *turn, p purpose) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.lines[p], t)
	if i < 0 {
		return false
	}
	b.lines[p] = slices.Delete(b.lines[p], i, i+1)
	b.waiting.Add(-1)
	return true
}

// force takes n bytes in any case: they are there already.
func (b *budget) force(n int64) { b.used.Add(n) }

// give gives n bytes back.
func (b *budget) give(n int64) {
	b.used.Add(-n)
	if b.waiting.Load() == 0 {
		return
	}
	b.mu.Lock()
	b.serve()
	b.mu.Unlock()
}

// serve gives those their turn for whom there is enough; b.mu is held.
func (b *budget) serve() {
	for p := range b.lines {
		line := b.lines[p]
		for len(line) > 0 && b.take(line[0].n, b.mark(purpose(p))) {
			close(line[0].got)
			line[0] = nil
			line = line[1:]
			b.waiting.Add(-1)
		}
		if len(line) == 0 {
			line = nil
		}
		b.lines[p] = line
	}
}
