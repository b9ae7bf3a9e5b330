package store

import "sync/atomic"

// counters count since Open.
type counters struct {
	puts, putBytes, gets, getBytes, found, misses, flushes, ledAround atomic.Int64
}

// Stats returns the counters and how full the store is. Disk figures are zero
// if the file system does not tell.
func (s *Store) Stats() Stats {
	c := &s.stats
	st := Stats{
		PutMessages: c.puts.Load(), PutBytes: c.putBytes.Load(),
		GetMessages: c.gets.Load(), GetBytes: c.getBytes.Load(),
		GetFound: c.found.Load(), GetMiss: c.misses.Load(), Flushes: c.flushes.Load(),
		MinPhyOffset: s.clog.Start(), MaxPhyOffset: s.clog.End(),
		DurablePhyOffset: s.durable.Load(), VisiblePhyOffset: s.visible.Load(),
		Level: s.Level(), LedAround: c.ledAround.Load(), ReadOnly: s.damaged || s.clog.Failed() != nil,
		ReadOnlyWhy: s.readOnlyWhy(), Damaged: s.corrupt,
	}
	flaws := s.Flaws()
	st.Flaws = len(flaws)
	for _, f := range flaws {
		if f.Lost {
			st.Lost++
			st.LostMessages += f.Messages
		}
	}
	segments, spares := s.clog.Files()
	st.StoreBytes = s.others.Load() + s.opts.SegmentSize*int64(segments+spares)
	if space, err := s.opts.FS.Space(); err == nil {
		st.DiskTotal, st.DiskFree = space.Total, space.Avail
	}
	return st
}
