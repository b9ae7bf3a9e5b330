package replica

import (
	"sync"
	"time"
)

// A speed counts bytes by whole seconds, which begin with the first of them. The zero value has counted none.
type speed struct {
	mu     sync.Mutex
	begun  time.Time
	second int64 // that is counted now
	bytes  int64 // in it
	whole  int64 // in the one before
}

func (s *speed) add(now time.Time, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun.IsZero() {
		s.begun = now
	}
	s.turn(now)
	s.bytes += int64(n)
}

// last is how many bytes went in the last whole second before now, as RocketMQ's transferredByteInSecond.
func (s *speed) last(now time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun.IsZero() {
		return 0
	}
	s.turn(now)
	return s.whole
}

// turn goes on to the second that now is in; it never goes back.
func (s *speed) turn(now time.Time) {
	at := int64(now.Sub(s.begun) / time.Second)
	switch {
	case at <= s.second:
		return
	case at == s.second+1:
		s.whole = s.bytes
	default:
		s.whole = 0
	}
	s.second, s.bytes = at, 0
}
