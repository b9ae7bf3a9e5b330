package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"
)

// How the log is read over and over, so that damage is found while the other
// half of a pair still has what was there.
const (
	scrubEvery  = time.Minute
	scrubBytes  = 16 << 20 // at once
	scrubDelays = 10       // times that a busy store may put it off
	busyBytes   = 16 << 20 // stored and handed out since the last time: the store is busy
)

// A scrubber is where the reading stands.
type scrubber struct {
	looking sync.Mutex // one who reads, and has repaired what is damaged
	at      int64      // goes on here
	clean   bool       // from the beginning of the segment up to at
	off     int        // times it was put off
	moved   int64      // bytes stored and handed out at the last time

	asked chan struct{} // there is something in met
	flaws flawTable
}

// scrubFrom is where reading over begins: anywhere, so that power that is cut often
// does not have it begin anew each time.
func (s *Store) scrubFrom() int64 {
	start := s.clog.Start()
	if n := (s.durable.Load() - start) / s.opts.SegmentSize; n > 0 {
		return start + rand.Int64N(n)*s.opts.SegmentSize
	}
	return start
}

// scrub reads a piece of the log every minute, unless the store is busy, tries
// again to have back what is damaged and not given up, and looks at once at what a
// consumer met, until ctx ends.
func (s *Store) scrub(ctx context.Context) error {
	t := time.NewTicker(scrubEvery)
	defer t.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-s.scrubber.asked:
			err = s.lookAtMet(ctx)
		case <-t.C:
			if err = s.retryFlaws(ctx); !s.putsScrubOff() {
				err = errors.Join(err, s.Scrub(ctx))
			}
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("the log cannot be read over", "phyOffset", s.scrubber.at, "err", err)
		}
	}
}

// putsScrubOff says whether the store is too busy, or was told to rest, to be read over now.
func (s *Store) putsScrubOff() bool {
	c := &s.scrubber
	moved := s.stats.putBytes.Load() + s.stats.getBytes.Load()
	busy := moved-c.moved > busyBytes || s.resting.Load()
	c.moved = moved
	if c.off++; busy && c.off <= scrubDelays {
		return true
	}
	c.off = 0
	return false
}

// Scrub reads the next piece of the log, 16 MiB, as the medium has it, and behind
// the last one the first. Only segments that will not change are read. What is
// damaged is logged, told to Options.Flawed, and shown by Flaws.
func (s *Store) Scrub(ctx context.Context) error {
	c := &s.scrubber
	c.looking.Lock()
	defer c.looking.Unlock()
	end, start := s.sealedEnd(), s.clog.Start()
	if c.at < start || c.at >= end || c.at%s.opts.SegmentSize == 0 {
		if c.at < start || c.at >= end {
			c.at = start
		}
		c.clean = true
	}
	if c.at >= end || s.damaged {
		return nil
	}
	next, err := s.readPiece(ctx, s.windowOf(ctx, c.at, end), c.at)
	if wasGivenBack(err) {
		c.at = 0
		return nil
	}
	if err != nil {
		return err
	}
	if c.clean = c.clean && !c.flaws.within(c.at, next); c.clean && next%s.opts.SegmentSize == 0 {
		s.clog.MarkSound(c.at)
	}
	c.at = next
	return nil
}

// sealedEnd is the end of the segments that will not change; of a damaged log
// nothing does.
func (s *Store) sealedEnd() int64 {
	if s.damaged {
		return s.clog.Stored()
	}
	end := min(s.durable.Load(), s.visible.Load())
	return end - end%s.opts.SegmentSize
}

// windowOf is for the segment of at as the medium has it, up to end where that is
// less. Where a medium fails it takes long to say so: ctx ends that.
func (s *Store) windowOf(ctx context.Context, at, end int64) *window {
	read := func(p []byte, off int64) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return s.ReadStored(p, off)
	}
	return &window{read: read, end: min(s.segmentEnd(at), end), size: s.opts.SegmentSize}
}

// readPiece reads w from at on, where a record begins, 16 MiB if there are as many, and
// has repaired what is damaged. It returns where it stopped.
func (s *Store) readPiece(ctx context.Context, w *window, at int64) (next int64, err error) {
	cuts := s.scrubber.flaws.cuts.Load()
	flaws, next, err := s.readOver(w, at, scrubBytes)
	if err != nil {
		return 0, err
	}
	if len(flaws) > 0 {
		s.clog.MarkUnsound(at) // first: consumers are not to be given what is in memory unchecked
	}
	flaws = s.noteFlaws(at, next, flaws, cuts)
	return next, s.resolve(ctx, flaws, cuts)
}

// readOver judges the records of w from at on, where one begins, at least n bytes
// if there are as many, and returns where it stopped.
func (s *Store) readOver(w *window, at, n int64) (flaws []Flaw, next int64, err error) {
	for stop := min(at+n, w.end); at < stop; {
		v, err := s.judge(w, at)
		if err != nil {
			return flaws, at, fmt.Errorf("store: read over at %d: %w", at, err)
		}
		next := at + v.size
		if v.bad != nil {
			if next, _, err = s.nextGood(w, at+1, w.end); err != nil {
				return flaws, at, fmt.Errorf("store: read over at %d: %w", at, err)
			}
			flaws = append(flaws, Flaw{From: at, To: next, What: v.bad.Error()})
		}
		at = next
	}
	return flaws, at, nil
}

// wasGivenBack says whether err is that a segment is no longer there.
func wasGivenBack(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotFound)
}
