package commitlog

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"syscall"
	"time"
)

// retryFull is how long after ErrFull it is tried again to make a segment.
const retryFull = 5 * time.Second

// prepareAhead makes the next segment when the active one is three quarters
// full, until done is closed. While the disk is full it tries only now and then,
// and when something was given back.
func (l *Log) prepareAhead(done <-chan struct{}) {
	retry := time.NewTimer(retryFull)
	defer retry.Stop()
	for full, try := false, true; ; {
		if base, ok := l.wanted(); ok && try {
			l.segmentWork.Pass()
			err := l.makeSegment(base)
			if noSpace(err) && l.opts.MakeRoom != nil {
				l.opts.MakeRoom()
				err = l.makeSegment(base)
			}
			l.segmentWork.Pass()
			if err != nil && !noSpace(err) {
				l.fail(err)
				return
			}
			full = err != nil
			l.setFull(err)
			if full {
				retry.Reset(retryFull)
			}
		}
		select {
		case <-l.prepare:
			try = !full
		case <-l.freed:
			try = true
		case <-retry.C:
			try = true
		case <-l.failed:
			return
		case <-done:
			return
		}
	}
}

// wanted says whether it is time for the next segment, and where that starts.
func (l *Log) wanted() (base int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	near := l.limit-l.end.Load() <= l.opts.SegmentSize/4 || len(l.line) > 0
	return l.ready, l.phase == running && l.limit == l.ready && near
}

// nextSegment is where the segment starts that is to be made next.
func (l *Log) nextSegment() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready
}

// setFull remembers whether there was space, and logs when that changes.
func (l *Log) setFull(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch was := l.full; {
	case err != nil && !was:
		l.log.Warn("no space for the next segment", "phyOffset", l.ready, "retryIn", retryFull, "err", err)
	case err == nil && was:
		l.log.Info("space for the next segment again", "phyOffset", l.ready)
	}
	l.full = err != nil
	l.came(awaitSegment) // or it is known that it does not
}

// errNoBudget: MayGrow said no.
var errNoBudget = errors.New("commitlog: the log may take no more of the disk")

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, errNoBudget)
}

// makeSegment makes the segment that starts at base, durable before it has its
// name, and enters it; unless another one is the next by now.
func (l *Log) makeSegment(base int64) error {
	l.dirMu.Lock()
	defer l.dirMu.Unlock()
	if l.nextSegment() != base {
		return nil
	}
	s := l.newSegment(base)
	reused, err := l.reuse(s)
	switch {
	case err != nil || reused:
	case l.opts.MayGrow != nil && !l.opts.MayGrow(len(*l.segments.Load())+len(l.spares)):
		err = errNoBudget
	default:
		err = l.create(s)
	}
	if err != nil {
		return fmt.Errorf("commitlog: make segment %d: %w", base, err)
	}
	segs := append(slices.Clone(*l.segments.Load()), s)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments.Store(&segs)
	l.ready = s.end
	l.came(awaitSegment)
	return nil
}

// create allocates a new file. l.dirMu is held.
func (l *Log) create(s *segment) error {
	d, tmp := l.opts.FS, s.name+tmpSuffix
	f, err := d.Create(tmp)
	if err != nil {
		return err
	}
	err = f.Allocate(l.opts.SegmentSize)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		if noSpace(err) { // what it could reserve is wanted elsewhere
			err = errors.Join(err, d.Remove(tmp))
		}
		return err
	}
	if err := d.Rename(tmp, s.name); err != nil {
		return err
	}
	return d.SyncDir(l.opts.Dir)
}

// reuse takes a retired segment instead, if there is one that is older: its
// records carry smaller offsets, so that they are no records at their new place.
// l.dirMu is held.
func (l *Log) reuse(s *segment) (bool, error) {
	for len(l.spares) > 0 {
		base := l.spares[0]
		from := l.spareName(base)
		usable := base < s.base
		var err error
		if usable {
			err = l.dropFiller(from)
		}
		switch {
		case err != nil:
		case usable:
			err = l.opts.FS.Rename(from, s.name)
		default:
			err = l.opts.FS.Remove(from)
		}
		if err != nil {
			return false, err
		}
		l.keepSpares(l.spares[1:])
		if usable {
			return true, l.syncDirs()
		}
	}
	return false, nil
}

func (l *Log) spareName(base int64) string {
	return path.Join(l.opts.Dir, recycleDir, segmentName(base))
}

// syncDirs syncs both folders between which segments move.
func (l *Log) syncDirs() error {
	if err := l.opts.FS.SyncDir(l.opts.Dir); err != nil {
		return err
	}
	return l.opts.FS.SyncDir(path.Join(l.opts.Dir, recycleDir))
}
