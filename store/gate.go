package store

import (
	"fmt"
	"sync"
)

// A gate keeps new messages out while a slave takes over: what is stored then
// would be lost.
type gate struct {
	mu   sync.RWMutex // held for reading by every Put
	shut bool
}

// Shut has every Put that begins from now on fail with ErrReadOnly, until Reopen.
// When it returns, End moves no more.
func (s *Store) Shut() {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.gate.shut = true
}

// Reopen takes messages again.
func (s *Store) Reopen() {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	s.gate.shut = false
}

// pass lets a Put through that holds gate.mu for reading.
func (g *gate) pass() error {
	if g.shut {
		return fmt.Errorf("%w: the broker hands over to its slave", ErrReadOnly)
	}
	return nil
}
