package main

import (
	"fmt"
	"time"

	"pairmq/store"
)

// stallTime is for how long nothing of some work may be done before that counts as a
// hang. A disk may stand still for half a minute, an SD card that tidies up for
// longer: starting again would only make that worse. What has not gone on after this is a goroutine that waits for what never
// comes, or a device that only a reset brings back.
const stallTime = 5 * time.Minute

// A stall watches whether the store's work goes on: every kind of it by itself, since
// one that goes on says nothing of another. The zero value has seen nothing.
type stall struct {
	of   *store.Store // whose work it was
	seen map[store.Work]time.Time
}

// check fails if some of the work that is there now was there limit ago, and
// nothing of it has been done since.
func (s *stall) check(now time.Time, of *store.Store, limit time.Duration) error {
	if s.of != of {
		*s = stall{of: of}
	}
	return s.judge(now, of.Work(), limit)
}

func (s *stall) judge(now time.Time, work []store.Work, limit time.Duration) (err error) {
	seen := make(map[store.Work]time.Time, len(work))
	for _, w := range work {
		since, known := s.seen[w]
		if !known {
			since = now
		}
		seen[w] = since
		if stands := now.Sub(since); err == nil && stands >= limit {
			err = fmt.Errorf("the store does not go on for %v: %s, at %d", stands.Round(time.Second), w.What, w.Mark)
		}
	}
	s.seen = seen
	return err
}
