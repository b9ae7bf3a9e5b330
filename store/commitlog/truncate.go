package commitlog

import (
	"errors"
	"fmt"
	"slices"
)

// Truncate cuts the log off at end, durably: what a slave has and its master
// has not. A copy of what is cut off goes to quarantine first, whose name is
// returned. It waits until everything appended is written, and holds appends back
// meanwhile. After a power cut on the way the log is longer than asked, but
// sound. Confirmed and Durable count from end on again; Truncate must not be
// called from them.
//
// It fails, and nothing is changed, if end is not between Start and End or there
// is no space for the copy and for the shortened segment; any other failure is
// the log's.
func (l *Log) Truncate(end int64) (copied string, err error) {
	err = l.alone(func() error {
		old := l.End()
		if end < l.Start() || end > old {
			return fmt.Errorf("commitlog: cannot truncate to %d, the log has %d to %d", end, l.Start(), old)
		}
		if end == old {
			return nil
		}
		if copied, err = l.quarantine(end, old); err != nil {
			return err
		}
		if err := l.cutOff(end, end); err != nil {
			return err
		}
		l.log.Info("commit log truncated", "phyOffset", end, "bytes", old-end, "copy", copied)
		return nil
	})
	return copied, err
}

// Reset lets an empty log start elsewhere: a slave's starts where its master
// begins to send. It fails if the log holds anything, or start is not a multiple
// of the segment size.
func (l *Log) Reset(start int64) error {
	return l.alone(func() error {
		if l.Start() != l.End() {
			return fmt.Errorf("commitlog: cannot start at %d, the log has %d to %d", start, l.Start(), l.End())
		}
		if start < 0 || start%l.opts.SegmentSize != 0 {
			return fmt.Errorf("commitlog: cannot start at %d, no multiple of the segment size %d", start, l.opts.SegmentSize)
		}
		return l.cutOff(l.Start(), start)
	})
}

// cutOff removes everything from end on. The log goes on at next, which is end unless
// it holds nothing. It is one step to who makes segments: between two, one could be
// made where the log is not any more.
func (l *Log) cutOff(end, next int64) error {
	l.told.mu.Lock()
	defer l.told.mu.Unlock()
	l.dirMu.Lock()
	defer l.dirMu.Unlock()
	segs := *l.segments.Load()
	keep := 0
	for keep < len(segs) && segs[keep].base < end {
		keep++
	}
	var last *segment // the one to be shortened
	if keep > 0 && end < segs[keep-1].end {
		last = segs[keep-1]
		if err := l.makeShort(last, end); err != nil {
			return fmt.Errorf("commitlog: shorten segment %d to offset %d: %w", last.base, end, err)
		}
	}
	l.dropSegments(keep, next)
	if err := l.removeCutOff(segs[keep:], last); err != nil {
		return l.fail(fmt.Errorf("commitlog: cut off at %d: %w", end, err))
	}
	poke(l.freed)
	return nil
}

// dropSegments forgets all segments but the first keep, and lets the log end at
// end, and start there if none is left. l.told.mu and l.dirMu are held.
func (l *Log) dropSegments(keep int, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := slices.Clone((*l.segments.Load())[:keep])
	l.segments.Store(&kept)
	if keep > 0 {
		l.ready = kept[keep-1].end
	} else {
		l.ready = end
		l.start.Store(end)
	}
	l.setEnd(end)
}

// makeShort makes the file that will replace s: the same up to end, zeros
// behind. Overwriting in place would pass through states that recovery must take
// for damage.
func (l *Log) makeShort(s *segment, end int64) error {
	f, err := l.opts.FS.Create(s.name + tmpSuffix)
	if err != nil {
		return err
	}
	err = l.copyOut(f, s.base, end)
	if err == nil {
		err = f.Allocate(l.opts.SegmentSize)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(err, l.opts.FS.Remove(s.name+tmpSuffix))
	}
	return nil
}

// removeCutOff removes the files of segs, newest first, so that no power cut
// leaves a hole, and puts the short one in the place of last. None is used
// again: at the same offset their records would be good ones.
func (l *Log) removeCutOff(segs []*segment, last *segment) error {
	for _, s := range slices.Backward(segs) {
		if err := s.retire(); err != nil {
			return err
		}
		if err := l.opts.FS.Remove(s.name); err != nil {
			return err
		}
		if err := l.opts.FS.SyncDir(l.opts.Dir); err != nil {
			return err
		}
	}
	if last == nil {
		return nil
	}
	last.mu.Lock() // nobody opens the old file any more
	defer last.mu.Unlock()
	if err := last.close(); err != nil {
		return err
	}
	if err := l.opts.FS.Rename(last.name+tmpSuffix, last.name); err != nil {
		return err
	}
	return l.opts.FS.SyncDir(l.opts.Dir)
}
