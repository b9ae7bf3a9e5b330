package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
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
	maxFlaws    = 64       // that are remembered
)

// A Flaw is a part of the log that is no whole record with right checksums, though
// it was one: the medium has lost it.
type Flaw struct {
	From, To int64 // bytes
	What     string
}

// A scrubber is where the reading stands.
type scrubber struct {
	at    int64 // goes on here
	clean bool  // from the beginning of the segment up to at
	off   int   // times it was put off
	moved int64 // bytes stored and handed out at the last time

	mu    sync.Mutex
	flaws []Flaw // ascending
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

// scrub reads a piece of the log every minute, unless the store is busy, until
// ctx ends.
func (s *Store) scrub(ctx context.Context) error {
	t := time.NewTicker(scrubEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		moved := s.stats.putBytes.Load() + s.stats.getBytes.Load()
		busy := moved-s.scrubber.moved > busyBytes
		s.scrubber.moved = moved
		if s.scrubber.off++; busy && s.scrubber.off <= scrubDelays {
			continue
		}
		s.scrubber.off = 0
		if err := s.Scrub(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the log cannot be read over", "phyOffset", s.scrubber.at, "err", err)
		}
	}
}

// Scrub reads the next piece of the log, 16 MiB, as the medium has it, and behind
// the last one the first. Only segments that will not change are read. What is
// damaged is logged, told to Options.Flawed, and counted by Flaws. One goroutine
// at a time.
func (s *Store) Scrub(ctx context.Context) error {
	c := &s.scrubber
	end := min(s.durable.Load(), s.visible.Load())
	end -= end % s.opts.SegmentSize
	start := s.clog.Start()
	if c.at < start || c.at >= end || c.at%s.opts.SegmentSize == 0 {
		if c.at < start || c.at >= end {
			c.at = start
		}
		c.clean = true
	}
	if c.at >= end || s.damaged {
		return nil
	}
	flaws, next, err := s.readOver(ctx, c.at, scrubBytes)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotFound) { // it was given back meanwhile
		c.at = 0
		return nil
	}
	if err != nil {
		return err
	}
	s.noteFlaws(c.at, next, flaws)
	if len(flaws) > 0 && s.opts.Flawed != nil {
		s.opts.Flawed(ctx, flaws)
		if flaws, next, err = s.readOver(ctx, c.at, scrubBytes); err != nil {
			return err
		}
		s.noteFlaws(c.at, next, flaws)
	}
	if c.clean = c.clean && len(flaws) == 0; len(flaws) > 0 {
		s.clog.MarkUnsound(c.at)
	} else if c.clean && next%s.opts.SegmentSize == 0 {
		s.clog.MarkSound(c.at)
	}
	c.at = next
	return nil
}

// readOver judges the records from at on, where one begins, at least n bytes if
// the segment has them, and returns where it stopped.
func (s *Store) readOver(ctx context.Context, at, n int64) (flaws []Flaw, next int64, err error) {
	w := &window{read: s.ReadStored, end: s.segmentEnd(at), size: s.opts.SegmentSize}
	for stop := min(at+n, w.end); at < stop; {
		if err := ctx.Err(); err != nil {
			return flaws, at, err
		}
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

// noteFlaws replaces what is known of the bytes from start to end.
func (s *Store) noteFlaws(start, end int64, flaws []Flaw) {
	c := &s.scrubber
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.flaws)
	known := slices.Clone(c.flaws)
	c.flaws = slices.DeleteFunc(c.flaws, func(f Flaw) bool { return f.From >= start && f.From < end || f.From < s.clog.Start() })
	for _, f := range flaws {
		if !slices.Contains(known, f) {
			s.log.Error("the log is damaged", "phyOffset", f.From, "bytes", f.To-f.From, "err", f.What)
		}
		if len(c.flaws) < maxFlaws {
			c.flaws = append(c.flaws, f)
		}
	}
	slices.SortFunc(c.flaws, func(a, b Flaw) int { return int(min(max(a.From-b.From, -1), 1)) })
	if before > 0 && len(c.flaws) == 0 {
		s.log.Info("no damage of the log is left that is known")
	}
}

// Flaws returns what Scrub has found and was not repaired since, at most 64.
func (s *Store) Flaws() []Flaw {
	s.scrubber.mu.Lock()
	defer s.scrubber.mu.Unlock()
	return slices.Clone(s.scrubber.flaws)
}
