package replica

import (
	"sync"
	"time"
)

// A speed counts bytes by whole seconds, which begin when it is first asked. The zero value has counted none.
type speed struct {
	mu     sync.Mutex
	begun  time.Time
	second int64 // that is counted now
	bytes  int64 // in it
	whole  int64 // in the one before
}

// count adds n bytes, or none, and returns how many went in the last whole second before now, as RocketMQ's
// transferredByteInSecond.
func (s *speed) count(now time.Time, n int) int64 {
	s.mu.Lock()
	if s.begun.IsZero() {
		s.begun = now
	}
	switch at := int64(now.Sub(s.begun) / time.Second); {
	case at <= s.second: // it never goes back
	case at == s.second+1:
		s.second, s.whole, s.bytes = at, s.bytes, 0
	default:
		s.second, s.whole, s.bytes = at, 0, 0
	}
	s.bytes += int64(n)
	whole := s.whole
	s.mu.Unlock()
	return whole
}
