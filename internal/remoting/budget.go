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
	forFrames                  // frames that fit no small buffer: up to eleven twelfths of the limit
	forLarge                   // large ones: up to two thirds; of what is one source's, half
	purposes
)

// A budget counts bytes that many connections hold against one limit. Whoever
// finds it not yet used up, as far as his purpose may, may take as much as he
// needs, so that a large frame is not kept out for ever by small ones. Those who
// wait for the same purpose get their turn in the order in which they came.
type budget struct {
	limit    int64
	all      *atomic.Int64 // if set, this is one of many that use so much together; see most
	together int64         // what many have together
	fits     bool          // gives what fits into the limit, or all to who is alone
	used     atomic.Int64
	waiting  atomic.Int32
	looked   atomic.Int64 // when those who wait looked for stalled connections last, in ns since their Server was made
	mu       sync.Mutex   // guards the rest
	lines    [purposes][]*turn
}

// A turn is one who waits for n bytes.
type turn struct {
	n   int64
	got chan struct{} // closed when they are his
}

func newBudget(limit int64) *budget { return &budget{limit: limit} }

// mark is how much may be in use before n bytes more are given for a purpose. A reply
// that alone goes beyond the limit does so from half of it at most.
func (b *budget) mark(n int64, p purpose) int64 {
	limit := b.most()
	switch {
	case b.fits:
		least := int64(1)
		if b.all != nil {
			least = b.limit
		}
		if p == forLarge {
			limit /= 2
		}
		return max(least, limit-n+1)
	case p == forRequests:
		return limit + limit/2
	case n > limit:
		return limit / 2
	case p == forFrames:
		return limit * 11 / 12
	case p == forLarge:
		return limit * 2 / 3
	default:
		return limit
	}
}

// most is the limit. One of many has as much as they leave of what they have together, and
// limit at least: one alone comes to half of it so, and some together to little more than
// all. Who has nothing never waits; who has something looks from time to time whether it
// has grown.
func (b *budget) most() int64 {
	if b.all == nil {
		return b.limit
	}
	return max(b.limit, b.together-b.all.Load())
}

// take takes n bytes, if less than mark are in use.
func (b *budget) take(n, mark int64) bool {
	for {
		used := b.used.Load()
		if used >= mark {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			b.tell(n)
			return true
		}
	}
}

// try takes n bytes if nobody waits for some.
func (b *budget) try(n int64, p purpose) bool {
	return b.waiting.Load() == 0 && b.take(n, b.mark(n, p))
}

// ask takes n bytes, or returns the turn to wait for.
func (b *budget) ask(n int64, p purpose) *turn {
	if b.try(n, p) {
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
	b.serve() // the next may need less
	return true
}

// force takes n bytes in any case: they are there already.
func (b *budget) force(n int64) {
	b.used.Add(n)
	b.tell(n)
}

// tell counts n bytes more for all.
func (b *budget) tell(n int64) {
	if b.all != nil {
		b.all.Add(n)
	}
}

// give gives n bytes back.
func (b *budget) give(n int64) {
	b.used.Add(-n)
	b.tell(-n)
	if b.waiting.Load() == 0 {
		return
	}
	b.mu.Lock()
	b.serve()
	b.mu.Unlock()
}

// look serves those for whom there is enough now that others of many have less.
func (b *budget) look() {
	b.mu.Lock()
	b.serve()
	b.mu.Unlock()
}

// serve gives those their turn for whom there is enough; b.mu is held.
func (b *budget) serve() {
	for p := range b.lines {
		line := b.lines[p]
		for len(line) > 0 && b.take(line[0].n, b.mark(line[0].n, purpose(p))) {
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
