package meter

import (
	"iter"
	"sync/atomic"
)

// pairSlots is how many different pairs are counted by themselves.
const pairSlots = 256

// Pairs counts pairs of small numbers, such as a request's code and its answer's.
// Of those that come first, 256 are counted each by itself, the rest together. The
// zero value is ready; it must not be copied.
type Pairs struct {
	slots [pairSlots]struct {
		key atomic.Uint64 // of the pair, plus 1; 0: nobody's yet
		n   atomic.Uint64
	}
	rest atomic.Uint64
}

// Add counts one pair. It may be called from any goroutine.
func (p *Pairs) Add(a, b int32) {
	key := uint64(uint32(a))<<32 | uint64(uint32(b))
	if key++; key == 0 {
		p.rest.Add(1)
		return
	}
	at := key * 0x9e3779b97f4a7c15 >> 56
	for range pairSlots {
		s := &p.slots[at%pairSlots]
		have := s.key.Load()
		if have == 0 && !s.key.CompareAndSwap(0, key) {
			have = s.key.Load() // another one was first
		} else if have == 0 {
			have = key
		}
		if have == key {
			s.n.Add(1)
			return
		}
		at++
	}
	p.rest.Add(1)
}

// A Pair is two numbers and how often they were counted.
type Pair struct {
	A, B int32
	N    uint64
}

// All goes over the pairs there are, in no order.
func (p *Pairs) All() iter.Seq[Pair] {
	return func(yield func(Pair) bool) {
		for i := range p.slots {
			s := &p.slots[i]
			key := s.key.Load()
			if key == 0 {
				continue
			}
			key--
			if !yield(Pair{A: int32(key >> 32), B: int32(key), N: s.n.Load()}) {
				return
			}
		}
	}
}

// Rest is how many were counted that had no place of their own.
func (p *Pairs) Rest() uint64 { return p.rest.Load() }
