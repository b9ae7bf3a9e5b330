package link

import "time"

// How long changes are collected before they are told.
const (
	// settleTime: a cable that is plugged in comes up, goes down and comes up again.
	settleTime = 200 * time.Millisecond
	// mostTime bounds that for changes that do not end.
	mostTime = 2 * time.Second
	// lossTime is longer: what comes back soon was not lost, and nobody need move.
	lossTime = time.Second
	// routeGap lies between two calls for routes alone: a machine that routes for others
	// has a change of them every moment.
	routeGap = 5 * time.Second
)

// news is what one change of the kernel's means here.
type news uint8

const (
	nothing  news = iota
	came          // a link carries packets now, or an address has arrived
	rerouted      // there is another way
	lost          // a link, an address or a way has gone: what went there may go elsewhere
)

// A settler makes one call of many changes. The zero value knows of none.
type settler struct {
	due    time.Time // of the next call; zero: there is nothing to tell
	since  time.Time // of the first that came since the last call; zero: none
	routes bool      // nothing but routes has changed since the last call
	routed time.Time // the last call that was for routes alone
}

// note takes note of n at now.
func (s *settler) note(now time.Time, n news) {
	s.routes = n == rerouted && (s.routes || s.due.IsZero())
	switch n {
	case came:
		if s.since.IsZero() {
			s.since = now
		}
		s.due = earlier(now.Add(settleTime), s.since.Add(mostTime)) // whatever else waited is told with it
	case rerouted:
		due := now.Add(settleTime)
		if next := s.routed.Add(routeGap); due.Before(next) {
			due = next
		}
		s.due = earlier(s.due, due)
	case lost:
		s.due = earlier(s.due, now.Add(lossTime))
	}
}

// tell says at now that the call is made.
func (s *settler) tell(now time.Time) {
	next := settler{routed: s.routed}
	if s.routes {
		next.routed = now
	}
	*s = next
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
