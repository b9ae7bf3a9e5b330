package diskfault

import "math/rand/v2"

// sector is what a disk writes whole or not at all.
const sector = 512

// A content is the bytes of one file, whatever its name.
type content struct {
	id      int      // in the order of creation
	seen    []byte   // what reads show
	medium  []byte   // what is there after a power cut, apart from what chance keeps of pending
	pending []change // not synced, in order
	lying   bool     // a sync failed: seen has bytes that medium lacks and no sync will write
}

// A change is a write, or a new size if data is nil.
type change struct {
	off  int64
	data []byte
	size int64
}

// apply makes the change to b.
func (c change) apply(b []byte) []byte {
	if c.data == nil {
		return resize(b, c.size)
	}
	if end := c.off + int64(len(c.data)); end > int64(len(b)) {
		b = resize(b, end)
	}
	copy(b[c.off:], c.data)
	return b
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size:size] // what is cut off must not come back
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// change makes a change that programs see and the medium lacks until a sync.
func (c *content) change(ch change) {
	c.seen = ch.apply(c.seen)
	c.pending = append(c.pending, ch)
}

// sync brings the medium up to date.
func (c *content) sync() {
	for _, ch := range c.pending {
		c.medium = ch.apply(c.medium)
	}
	c.pending = nil
}

// forget is a sync that failed: nothing is written, all counts as clean.
func (c *content) forget() {
	c.lying = c.lying || len(c.pending) > 0
	c.pending = nil
}

// drop forgets the cache of n bytes from off on (0: to the end): reads show the
// medium again, but for what still has to be written.
func (c *content) drop(off, n int64) {
	if !c.lying {
		return
	}
	b := append([]byte(nil), c.medium...)
	for _, ch := range c.pending {
		b = ch.apply(b)
	}
	b = resize(b, int64(len(c.seen)))
	end := int64(len(b))
	if n > 0 {
		end = min(end, off+n)
	}
	if off < end {
		copy(c.seen[off:end], b[off:end])
	}
}

// survive returns the bytes that are found after the power came back.
func (c *content) survive(o odds) []byte {
	b := append([]byte(nil), c.medium...)
	for _, ch := range c.pending {
		switch {
		case ch.data == nil:
			if o.keep() {
				b = ch.apply(b)
			}
		default:
			for _, piece := range o.tear(ch) {
				b = piece.apply(b)
			}
		}
	}
	return b
}

// odds decide what the medium has of changes that were not synced.
type odds struct {
	rng  *rand.Rand
	mode int
}

// Modes of odds: plain loss and plain luck are outcomes of their own, which
// independent choices would hardly ever give.
const (
	loseAll = iota
	keepAll
	mixed
	modes = 5 // those above mixed are mixed as well
)

func newOdds(seed uint64) odds {
	rng := rand.New(rand.NewPCG(seed, 'r'))
	return odds{rng: rng, mode: rng.IntN(modes)}
}

func (o odds) keep() bool {
	switch o.mode {
	case loseAll:
		return false
	case keepAll:
		return true
	}
	return o.rng.IntN(2) == 0
}

// tear returns the parts of a write that reached the medium: all, none, or
// some sectors, a few of them as garbage. Bytes beside the write are safe.
func (o odds) tear(c change) []change {
	if o.mode < mixed || o.rng.IntN(3) > 0 {
		if o.keep() {
			return []change{c}
		}
		return nil
	}
	var pieces []change
	for at := int64(0); at < int64(len(c.data)); {
		end := min(int64(len(c.data)), at+sector-(c.off+at)%sector)
		piece := change{off: c.off + at, data: c.data[at:end]}
		switch n := o.rng.IntN(10); {
		case n < 5:
			pieces = append(pieces, piece)
		case n == 5:
			pieces = append(pieces, change{off: piece.off, data: o.garbage(len(piece.data))})
		}
		at = end
	}
	return pieces
}

func (o odds) garbage(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(o.rng.Uint32())
	}
	return b
}
