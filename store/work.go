package store

import "pairmq/store/commitlog"

// A Work is one kind of the store's work that is under way or waits: Mark is another
// one as soon as some of it was done.
type Work = commitlog.Work

// Work returns what is under way or waits now, for who looks whether it goes on: a
// disk that stands still for a while shows as a Mark that does, and so does a
// goroutine that waits for what never comes. Waiting for slaves is work as well, which ends with their timeout. A
// store that is read-only has none, and one that has failed. It waits for no disk.
func (s *Store) Work() (all []Work) {
	if s.damaged || s.clog.Failed() != nil {
		return nil
	}
	all = s.clog.Work()
	if phy, ok := s.pending.oldest(); ok {
		all = append(all, Work{What: "answer the oldest record", Mark: phy})
	}
	visible := s.visible.Load() // before the other
	if confirmed := s.confirmedEnd.Load(); !s.opts.Hold && confirmed > visible {
		all = append(all, Work{What: "index what is confirmed", Mark: visible})
	}
	if n, yes := s.sealWork.UnderWay(); yes {
		all = append(all, Work{What: "write the index", Mark: n + s.index.Checkpoint()}) // both only grow
	}
	if n, yes := s.upkeepWork.UnderWay(); yes {
		all = append(all, Work{What: "write consumer offsets, or give back segments", Mark: n})
	}
	return all
}

// underWay runs do, which Work tells of meanwhile.
func underWay(t *commitlog.Turnstile, do func() error) error {
	t.Pass()
	defer t.Pass()
	return do()
}
