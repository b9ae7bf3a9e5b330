package commitlog

import (
	"errors"
	"fmt"
	"slices"

	"pairmq/hal/disk"
)

// judge decides what the stop at rec.End means, and erases a torn tail. keep
// leaves even that as it is.
func (l *Log) judge(s *scanner, opts RecoverOptions, rec *Recovery, stop error, keep bool) error {
	horizon := rec.End + opts.Window
	next, beyond, err := l.behind(s, rec.End, horizon)
	if err != nil {
		return err
	}
	why := ""
	switch {
	case rec.End < opts.Durable:
		why = fmt.Sprintf("everything before %d was known to be durable", opts.Durable)
	case errors.Is(stop, errUnreadable):
		why = "nothing is known of what follows"
	case beyond:
		why = fmt.Sprintf("good records follow from %d on, further behind than the %d bytes that a power cut can tear", next, opts.Window)
	}
	if why != "" {
		rec.Resume = next
		if rec.Last, err = l.lastGood(s, rec.End); err != nil {
			return err
		}
		rec.Last = min(max(rec.Last, opts.Durable), l.ready)
		if stop == nil {
			return fmt.Errorf("%w: it ends at offset %d, but %s", ErrCorrupt, rec.End, why)
		}
		return fmt.Errorf("%w at offset %d: %s: %w", ErrCorrupt, rec.End, why, stop)
	}
	if keep {
		return nil
	}
	return l.eraseTail(rec, min(horizon, l.find(rec.End).end))
}

// behind looks for good records behind the stop at end: next is where the first
// begins, or -1; beyond says whether one ends behind the horizon or lies in a
// later segment, which was begun when all of this one was durable.
func (l *Log) behind(s *scanner, end, horizon int64) (next int64, beyond bool, err error) {
	next = -1
	note := func(off, recEnd int64) bool {
		if next < 0 {
			next = off
		}
		beyond = recEnd > horizon || l.find(off) != l.find(end)
		return !beyond
	}
	for _, seg := range *l.segments.Load() {
		if seg.end <= end || beyond {
			continue
		}
		if err := s.search(max(seg.base, end), note); err != nil {
			return next, beyond, err
		}
	}
	return next, beyond, nil
}

// lastGood is where the last good record or filler behind end ends; end if there
// is none.
func (l *Log) lastGood(s *scanner, end int64) (int64, error) {
	for _, seg := range slices.Backward(*l.segments.Load()) {
		if seg.end <= end {
			break
		}
		last := int64(-1)
		err := s.search(max(seg.base, end), func(_, recEnd int64) bool { last = recEnd; return true })
		if err != nil {
			return end, err
		}
		if last < 0 {
			continue
		}
		if _, k, _ := s.look(last); k == aFiller {
			last = seg.end
		}
		return last, s.fatal
	}
	return end, nil
}

// eraseTail copies what is not zero between rec.End and end to quarantine and
// overwrites it with zeros, durably. A power cut on the way leaves a torn tail
// as before. A shorter file would do as well, but its blocks would be new ones
// then, whose first sync costs more; and no moment exists at which its size is wrong.
func (l *Log) eraseTail(rec *Recovery, end int64) error {
	s := l.find(rec.End)
	f, err := l.acquire(s)
	if err != nil {
		return err
	}
	defer s.release()
	last, err := lastNonZero(f, rec.End-s.base, end-s.base)
	if err != nil {
		return fmt.Errorf("commitlog: read torn tail at offset %d: %w", rec.End, err)
	}
	rec.Erased = last + s.base - rec.End
	if rec.Erased <= 0 {
		rec.Erased = 0
		return nil
	}
	rec.Quarantined, err = l.quarantine(rec.End, rec.End+rec.Erased)
	if err != nil && !noSpace(err) {
		return err
	}
	if err != nil { // nobody was told that these bytes are safe
		l.log.Warn("no space to keep a copy of the torn tail", "phyOffset", rec.End, "bytes", rec.Erased, "err", err)
	}
	if err := writeZeros(f, rec.End-s.base, last); err != nil {
		return fmt.Errorf("commitlog: erase torn tail at offset %d: %w", rec.End, err)
	}
	l.log.Info("torn tail erased", "phyOffset", rec.End, "bytes", rec.Erased, "copy", rec.Quarantined)
	return nil
}

// lastNonZero is the position behind the last byte of [from, to) that is not
// zero; from if there is none.
func lastNonZero(f disk.File, from, to int64) (int64, error) {
	buf := make([]byte, min(64<<10, to-from))
	for to > from {
		b := buf[:min(int64(len(buf)), to-from)]
		at := to - int64(len(b))
		if n, err := f.ReadAt(b, at); n < len(b) {
			return 0, unexpected(err)
		}
		for i, c := range slices.Backward(b) {
			if c != 0 {
				return at + int64(i) + 1, nil
			}
		}
		to = at
	}
	return from, nil
}

// writeZeros overwrites [from, to) with zeros and syncs.
func writeZeros(f disk.File, from, to int64) error {
	zeros := make([]byte, min(64<<10, to-from))
	for from < to {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), to-from)], from)
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return f.Datasync()
}
