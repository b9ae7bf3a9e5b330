package store

import (
	"sync/atomic"
	"time"

	"pairmq/internal/meter"
	"pairmq/store/commitlog"
)

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

// Times is how long it took since Open.
type Times struct {
	Send  meter.Histogram // from a Put until its sender is answered
	Index meter.Histogram // to index what was confirmed together
	Get   meter.Histogram // for a Get that found a record
	Log   *commitlog.Times
}

// Times is counted on; only its histograms' Counts are for others.
func (s *Store) Times() *Times { return &s.times }

// Written is what was written to the log, and for how long a sync has been under way;
// 0 if none is.
func (s *Store) Written() (commitlog.Stats, time.Duration) {
	return s.clog.Stats(), s.clog.Syncing()
}

// CountTables returns how many topics and subscription groups there are.
func (s *Store) CountTables() (topics, groups int) {
	ts, _ := s.index.Topics()
	gs, _ := s.index.Groups()
	return len(ts), len(gs)
}
