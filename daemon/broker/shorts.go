package broker

import (
	"net/netip"
	"sync"

	"pairmq/internal/remoting"
)

// maxShort is of how many sources requests wait for room at a time.
const maxShort = 64

// shorts are held requests for whose answers there was no room. Each source has a goroutine
// that finishes its own, and may wait for that: the workers go on with those of others.
type shorts struct {
	waits sync.WaitGroup // the goroutines
	line  sync.Mutex     // guards the rest
	lines map[netip.Addr][]func(patient bool) (room bool)
	over  bool
}

// aside has finish called, with whether it may wait; it returns whether there was room.
// Where a source has none in vain, because it does not read, its next ones do not wait. It
// returns false if no more may.
func (s *shorts) aside(from netip.Addr, finish func(patient bool) (room bool)) bool {
	from = remoting.SiteOf(from)
	s.line.Lock()
	defer s.line.Unlock()
	all, there := s.lines[from]
	if s.over || !there && len(s.lines) >= maxShort {
		return false
	}
	s.lines[from] = append(all, finish)
	if !there {
		s.waits.Go(func() { s.finish(from) })
	}
	return true
}

func (s *shorts) finish(from netip.Addr) {
	for patient := true; ; {
		s.line.Lock()
		all := s.lines[from]
		if len(all) == 0 {
			delete(s.lines, from)
			s.line.Unlock()
			return
		}
		next := all[0]
		all[0] = nil
		s.lines[from] = all[1:]
		patient = patient && !s.over
		s.line.Unlock()
		patient = next(patient)
	}
}

// end takes no more, and waits for those there are.
func (s *shorts) end() {
	s.line.Lock()
	s.over = true
	s.line.Unlock()
	s.waits.Wait()
}
