package commitlog

import (
	"fmt"
	"path"
	"slices"
)

// Retire gives up whole segments that end at or before `before`, never the one
// that takes appends, and returns the log's new start. A few are kept for reuse,
// the others' space is free on return, or when the last who was lent one has
// closed it. Reads of them that have begun end well. Whoever refers to them must
// have forgotten them durably before. A failure is final for the log: entries of
// the folder may be in any state then.
func (l *Log) Retire(before int64) (int64, error) {
	l.dirMu.Lock()
	defer l.dirMu.Unlock()
	if err := l.mayRetire(); err != nil {
		return l.start.Load(), err
	}
	for {
		segs := *l.segments.Load()
		if len(segs) < 2 || segs[0].end > min(before, l.durable.Load()) {
			break
		}
		rest := slices.Clone(segs[1:])
		l.start.Store(rest[0].base)
		l.segments.Store(&rest)
		// One at a time and oldest first, so that no power cut leaves a hole.
		if err := l.giveUp(segs[0]); err != nil {
			return l.start.Load(), l.fail(fmt.Errorf("commitlog: retire segment %d: %w", segs[0].base, err))
		}
	}
	poke(l.freed)
	return l.start.Load(), nil
}

// FreeSpares gives the disk the space of retired segments that wait for reuse,
// but for the first keep of them. A failure is final for the log.
func (l *Log) FreeSpares(keep int) error {
	l.dirMu.Lock()
	defer l.dirMu.Unlock()
	if err := l.mayRetire(); err != nil || len(l.spares) <= keep {
		return err
	}
	for len(l.spares) > keep {
		last := len(l.spares) - 1
		if err := l.opts.FS.Remove(l.spareName(l.spares[last])); err != nil {
			return l.fail(fmt.Errorf("commitlog: remove retired segment %d: %w", l.spares[last], err))
		}
		l.keepSpares(l.spares[:last])
	}
	if err := l.opts.FS.SyncDir(path.Join(l.opts.Dir, recycleDir)); err != nil {
		return l.fail(fmt.Errorf("commitlog: remove retired segments: %w", err))
	}
	poke(l.freed)
	return nil
}

// Files is how many segments there are on disk, and how many retired ones wait
// to be used again. It does not wait while one moves.
func (l *Log) Files() (segments, spares int) {
	return len(*l.segments.Load()), int(l.spared.Load())
}

// keepSpares replaces spares; l.dirMu is held, or it is Open.
func (l *Log) keepSpares(spares []int64) {
	l.spares = spares
	l.spared.Store(int32(len(spares)))
}

// mayRetire refuses on a log that is damaged or has failed: what it has is
// evidence, and the last copy.
func (l *Log) mayRetire() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refusal()
}

// giveUp moves the file of s to the recycle folder, or removes it. l.dirMu is
// held.
func (l *Log) giveUp(s *segment) error {
	if err := s.retire(); err != nil {
		return err
	}
	if s.lent.Load() || len(l.spares) >= l.opts.Recycle { // nobody sets lent any more: s is gone
		if err := l.opts.FS.Remove(s.name); err != nil {
			return err
		}
		return l.opts.FS.SyncDir(l.opts.Dir)
	}
	if err := l.opts.FS.Rename(s.name, l.spareName(s.base)); err != nil {
		return err
	}
	if err := l.syncDirs(); err != nil {
		return err
	}
	// Not before: until now a power cut could bring it back as what it was, and
	// it must not be changed.
	l.keepSpares(append(l.spares, s.base))
	return nil
}
