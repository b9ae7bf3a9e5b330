package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"pairmq/store/index"
)

// confirmed is told by the commit log that everything before end is as safe
// as the flush policy promises, or that nothing more will be (err).
func (s *Store) confirmed(end int64, err error) {
	if err != nil {
		s.log.Error("the commit log failed; nothing is stored until a restart", "phyOffset", end, "err", err)
		s.abandon(fmt.Errorf("%w: %w", ErrFailed, err))
		return
	}
	s.confirmedEnd.Store(end)
	if !s.opts.Hold {
		s.Release(end, nil)
	}
	if s.opts.Grown != nil {
		s.opts.Grown(end)
	}
}

// abandon answers all who wait.
func (s *Store) abandon(err error) {
	s.releasing.Lock()
	defer s.releasing.Unlock()
	defer s.pending.release()
	s.answer(s.pending.take(math.MaxInt64), err)
}

// Release makes the confirmed records before end visible, wakes consumers, and
// then answers their senders with err: nil if all that was promised was done. A
// store that holds records needs it; see Options.Hold.
func (s *Store) Release(end int64, err error) {
	s.releasing.Lock()
	defer s.releasing.Unlock()
	defer s.pending.release()
	entries := s.pending.take(min(end, s.confirmedEnd.Load()))
	if len(entries) > 0 {
		began := time.Now()
		s.apply(entries)
		s.times.Index.Observe(time.Since(began))
	}
	s.visible.Store(max(min(end, s.confirmedEnd.Load()), s.visible.Load()))
	s.announce(entries)
	s.answer(entries, err)
}

// answer answers the senders of these records, those that were not told before
// that their time is up.
func (s *Store) answer(entries []pendingEntry, err error) {
	now := time.Now()
	for i := range entries {
		if e := &entries[i]; e.done != nil {
			s.times.Send.Observe(now.Sub(e.putAt))
			e.done(err)
		}
	}
}

func (s *Store) apply(entries []pendingEntry) {
	for i := range entries {
		e := &entries[i]
		r := index.Record{
			PhyOffset: e.phy, Size: e.size, Topic: e.queue.topic, QueueID: e.queue.id,
			QueueOffset: e.offset, TagsCode: e.tags, StoreTimestamp: e.stamp, Keys: e.keys,
		}
		if !e.queued {
			r.QueueOffset = -1 // found by key only
		}
		s.index.Apply(r)
	}
}

func (s *Store) announce(entries []pendingEntry) {
	if s.opts.Arrived == nil {
		return
	}
	s.arrivals = s.arrivals[:0]
	for i := range entries {
		if e := &entries[i]; e.queued {
			s.arrivals = append(s.arrivals, Arrival{Topic: e.queue.topic, QueueID: e.queue.id, QueueOffset: e.offset, TagsCode: e.tags})
		}
	}
	if len(s.arrivals) > 0 {
		s.opts.Arrived(s.arrivals)
	}
	if cap(s.arrivals) > 4096 {
		s.arrivals = nil
	}
}

// flushed is told by the commit log that everything before end is on flash.
func (s *Store) flushed(end int64) {
	before := s.durable.Swap(end)
	s.stats.flushes.Add(1)
	poke(s.sealC)
	if before/s.opts.SegmentSize != end/s.opts.SegmentSize {
		poke(s.cleanC)
	}
}

// poke leaves a token in c, unless there is one: one look at the newest end is
// enough.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// seal moves closed index chunks to bbolt once their log is durable.
func (s *Store) seal(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.sealC:
			if err := underWay(&s.sealWork, func() error { return s.index.Seal(s.durable.Load()) }); err != nil {
				return fmt.Errorf("store: seal index chunk: %w", err)
			}
		}
	}
}

// answerLate answers senders whose time is up. It waits for no disk.
func (s *Store) answerLate(ctx context.Context) error {
	late := time.NewTicker(500 * time.Millisecond)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-late.C:
			for _, done := range s.pending.overdue(now.Add(-s.opts.FlushTimeout)) {
				s.times.Send.Observe(s.opts.FlushTimeout) // at least
				done(fmt.Errorf("%w: %v", ErrFlushTimeout, s.opts.FlushTimeout))
			}
		}
	}
}

// upkeep writes consumer offsets, and gives back old segments: now and then for
// their age, and whenever one was filled, so that the next is one that was written
// before and costs no more than its bytes. It stands still as long as the disk does.
func (s *Store) upkeep(ctx context.Context) error {
	offsets := time.NewTicker(5 * time.Second)
	defer offsets.Stop()
	clean := time.NewTicker(10 * time.Second)
	defer clean.Stop()
	good := time.NewTimer(goodTime)
	defer good.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-good.C:
			if err := s.forgetFailures(); err != nil {
				return fmt.Errorf("store: %w", err)
			}
		case <-offsets.C:
			if err := underWay(&s.upkeepWork, s.index.FlushOffsets); err != nil {
				return fmt.Errorf("store: write consumer offsets: %w", err)
			}
		case <-s.cleanC:
			if err := underWay(&s.upkeepWork, func() error { return s.Clean(time.Now()) }); err != nil {
				return fmt.Errorf("store: upkeep: %w", err)
			}
		case now := <-clean.C:
			// A large part of the index may be made anew: how long that takes nobody knows.
			if err := errors.Join(underWay(&s.upkeepWork, func() error { return s.Clean(now) }), s.mend()); err != nil {
				return fmt.Errorf("store: upkeep: %w", err)
			}
		}
	}
}
