package store

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// A gate keeps new messages out while a slave takes over: what is stored then
// would be lost.
type gate struct {
	mu   sync.RWMutex // held for reading by every Put
	shut atomic.Bool
	halt atomic.Pointer[string] // see Halt; nil: not halted
}

// Shut has every Put that begins from now on fail with ErrReadOnly, until Reopen.
// When it returns, End moves no more.
func (s *Store) Shut() {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.gate.shut.Store(true)
}

// IsShut says whether Shut was called, and Reopen was not.
func (s *Store) IsShut() bool { return s.gate.shut.Load() }

// Reopen takes messages again.
func (s *Store) Reopen() {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.gate.shut.Store(false)
}

// Halt has every Put that begins from now on fail with ErrHalted, which says why,
// until Resume. When it returns, no Put is on its way into the log any more.
func (s *Store) Halt(why string) {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.gate.halt.Store(&why)
}

// Halted is why Halt was called; "" if it was not, or Resume was since.
func (s *Store) Halted() string {
	if why := s.gate.halt.Load(); why != nil {
		return *why
	}
	return ""
}

// Resume takes messages again after Halt. What Shut has shut stays so.
func (s *Store) Resume() {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.gate.halt.Store(nil)
}

// pass lets a Put through that holds gate.mu for reading.
func (g *gate) pass() error {
	if g.shut.Load() {
		return fmt.Errorf("%w: the broker hands over to its slave", ErrReadOnly)
	}
	if why := g.halt.Load(); why != nil {
		return fmt.Errorf("%w: %s", ErrHalted, *why)
	}
	return nil
}
