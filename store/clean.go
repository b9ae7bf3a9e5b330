package store

import (
	"fmt"
	"time"
)

// Clean gives back whole segments whose last record is older than Reserved, and
// the oldest beyond MaxBytes. The index forgets them first: it may lag behind
// the log, never lead it.
func (s *Store) Clean(now time.Time) error {
	keep, err := s.keepFrom(now)
	if err != nil || keep <= s.clog.Start() {
		return err
	}
	if err := s.index.DropBefore(keep); err != nil {
		return fmt.Errorf("forget records before %d: %w", keep, err)
	}
	start, err := s.clog.Retire(keep)
	if err != nil {
		return fmt.Errorf("retire segments before %d: %w", keep, err)
	}
	s.log.Info("old segments given back", "minPhyOffset", start)
	return nil
}

// keepFrom is the first byte to keep, at the start of a segment and never
// beyond what consumers can see.
func (s *Store) keepFrom(now time.Time) (int64, error) {
	keep, size := s.clog.Start(), s.opts.SegmentSize
	oldest := now.Add(-s.opts.Reserved).UnixMilli()
	for keep+size < s.durable.Load() && keep+size < s.visible.Load() {
		if s.opts.MaxBytes > 0 && s.clog.End()-keep > s.opts.MaxBytes {
			keep += size
			continue
		}
		// The first record of the next segment is newer than all of this one.
		stamp, err := s.stampAt(keep + size)
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
