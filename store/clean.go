package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"
)

// Clean gives back whole segments: those whose last record is older than
// Reserved, and the oldest ones where the store takes more than MaxBytes or the
// file system fills up. The index forgets them first: it may lag behind the log,
// never lead it.
func (s *Store) Clean(now time.Time) error { return s.clean(now, 0) }

// makeRoom gives back the oldest segments because the log needs so many.
func (s *Store) makeRoom(need int) {
	if err := s.clean(time.Now(), need); err != nil {
		s.log.Error("no room could be made for the next segment", "err", err)
	}
}

// clean is Clean, and makes room for so many segments.
func (s *Store) clean(now time.Time, need int) error {
	s.cleaning.Lock()
	defer s.cleaning.Unlock()
	if s.damaged { // what it has is evidence, and the last copy
		_, err := s.look()
		return err
	}
	tooMuch, err := s.excess(need)
	if err != nil {
		return err
	}
	keep, next, err := s.keepFrom(now, tooMuch)
	if err != nil {
		return err
	}
	keep = s.keepNeeded(keep, next, need)
	if keep > s.clog.Start() {
		if err := s.index.DropBefore(keep); err != nil {
			return fmt.Errorf("forget records before %d: %w", keep, err)
		}
		start, err := s.clog.Retire(keep)
		if err != nil {
			return fmt.Errorf("retire segments before %d: %w", keep, err)
		}
		s.quotas.drop(start)
		s.log.Info("old segments given back", "minPhyOffset", start, "level", s.Level())
	}
	return s.shed(need)
}

// excess is how many bytes of log must go so that the store keeps to its budget
// and the file system has room, with need segments more.
func (s *Store) excess(need int) (int64, error) {
	sp, err := s.look()
	if err != nil {
		return 0, fmt.Errorf("how full is the file system: %w", err)
	}
	if err := errors.Join(s.boundSetAside(), s.keepBallast()); err != nil {
		return 0, err
	}
	others, err := s.beside()
	if err != nil {
		return 0, err
	}
	segments, spares := s.clog.Files()
	var tooMuch int64
	if s.opts.MaxBytes > 0 {
		next := int64(1 - min(spares, 1)) // the next segment is made before anybody waits for it
		tooMuch = others + s.spare() + s.opts.SegmentSize*(int64(segments)+int64(spares)+max(next, int64(need))) - s.opts.MaxBytes
	}
	if s.Level() >= Tight {
		tooMuch = max(tooMuch, s.opts.Watermarks.beyond(Tight, sp)-int64(spares)*s.opts.SegmentSize)
	}
	if bounded := s.opts.MaxBytes > 0 || s.opts.Watermarks != (Watermarks{}); bounded && need > spares { // the disk said so, whatever the figures say
		tooMuch = max(tooMuch, 1)
	}
	return tooMuch, nil
}

// shed gives the disk retired segments that are too many.
func (s *Store) shed(need int) error {
	if s.Level() >= Tight {
		return s.clog.FreeSpares(need)
	}
	if s.opts.MaxBytes > 0 {
		segments, spares := s.clog.Files()
		over := s.others.Load() + s.opts.SegmentSize*int64(segments+spares) - s.opts.MaxBytes
		if n := (over + s.opts.SegmentSize - 1) / s.opts.SegmentSize; n > 0 {
			return s.clog.FreeSpares(max(need, spares-int(n)))
		}
	}
	return nil
}

// mayGrow says whether the log may take another segment beside so many files. Two
// it always may: without them nothing could be given back.
func (s *Store) mayGrow(files int) bool {
	if s.opts.MaxBytes == 0 || files < 2 {
		return true
	}
	others, err := s.beside()
	most := s.opts.MaxBytes
	if s.needed.held.Load() { // for what is stored anew alone: rather a segment too many than a message lost
		most += s.opts.SegmentSize
	} else {
		most -= s.spare()
	}
	return err == nil && others+s.opts.SegmentSize*int64(files+1) <= most
}

// beside is how many bytes of the store's folder are not the log's segments.
func (s *Store) beside() (total int64, err error) {
	for _, dir := range []string{"", quarantineDir} {
		entries, err := s.opts.FS.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("how large is the store: %w", err)
		}
		for _, e := range entries {
			total += e.Size
		}
	}
	s.others.Store(total)
	return total, nil
}

// keepFrom is the first byte to keep, at the start of a segment and never
// beyond what consumers can see; tooMuch bytes of what is before must go, negative
// where so many more may come. next is what it will be soon: a segment or two later,
// or when the time comes.
func (s *Store) keepFrom(now time.Time, tooMuch int64) (keep, next int64, err error) {
	oldest, trusted, jumped := s.ages.limit(now.UnixMilli(), time.Since(s.opened), s.queues.newest())
	if jumped {
		s.log.Warn("the wall clock is far ahead of the log; no segment is old until fileReservedTime has passed with the power on", "wallClock", now, "fileReservedTime", s.opts.Reserved)
	}
	if keep, err = s.behindOld(oldest, trusted, tooMuch); err != nil || s.needed.from.Load() == math.MaxInt64 {
		return keep, keep, err
	}
	soon := tooMuch + 2*s.opts.SegmentSize
	switch {
	case s.Level() >= Filling:
		soon = max(tooMuch, 0) + s.opts.SegmentSize
	case s.opts.MaxBytes == 0:
		soon = 0
	}
	next, err = s.behindOld(oldest+s.leadTime().Milliseconds(), trusted, soon)
	return keep, next, err
}

// behindOld is the first byte to keep if records stored before oldest (ms) go, where
// the clock is trusted, and tooMuch bytes.
func (s *Store) behindOld(oldest int64, trusted bool, tooMuch int64) (int64, error) {
	start, size := s.clog.Start(), s.opts.SegmentSize
	keep := start
	// A slave's log may end within a record: the first one of the next segment tells
	// its time only when it is there.
	for end := min(s.durable.Load(), s.visible.Load()); keep+size+stampBytes <= end; {
		if keep-start < tooMuch {
			keep += size
			continue
		}
		if !trusted {
			break
		}
		// The first record of the next segment is newer than all of this one.
		stamp, err := s.firstStamp(keep + size)
		if err != nil {
			return keep, err
		}
		if stamp >= oldest {
			break
		}
		keep += size
	}
	return keep, nil
}
