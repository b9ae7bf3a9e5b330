package commitlog

import (
	"fmt"
	"time"
)

// idleTime is how long the writer keeps large buffers while nothing happens.
const idleTime = time.Second

// write takes batch after batch and writes them, until the log is closed and
// all is written, or has failed.
func (l *Log) write() {
	for {
		b, t := l.take()
		switch {
		case t != nil:
			t.result <- l.perform(t)
		case b == nil:
			return
		default:
			err := l.writeBatch(b)
			l.giveBack(b)
			if err != nil {
				l.fail(err)
				return
			}
		}
	}
}

// take waits for the next batch, or for a task once nothing is unwritten. It
// returns neither when the log is closed and everything is written, or failed.
func (l *Log) take() (*batch, *task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.Failed() == nil {
		switch {
		case len(l.filling.buf) > 0:
			if wait := l.linger(); wait > 0 {
				l.sleep(wait)
				continue
			}
			b := l.filling
			l.filling, l.spare = l.spare, nil
			l.came(awaitWriter)
			return b, nil
		case l.task != nil && !l.task.begun:
			l.task.begun = true
			return nil, l.task
		case l.task == nil && l.phase == closed:
			return nil, nil
		}
		if !l.filling.large() && !l.spare.large() {
			l.sleep(0)
		} else if l.sleep(idleTime) {
			l.filling.shrink()
			l.spare.shrink()
		}
	}
	return nil, nil
}

// linger is how long the batch should still wait for more appends.
func (l *Log) linger() time.Duration {
	wait := l.lingering()
	if wait <= 0 || l.phase == closed || l.task != nil || len(l.filling.buf) >= l.opts.BatchBytes || len(l.line) > 0 {
		return 0
	}
	return wait - time.Since(l.filling.since)
}

// sleep gives l.mu up until a kick, a failure, or, if limit is not 0, until that
// time is over, which it reports.
func (l *Log) sleep(limit time.Duration) (late bool) {
	var end <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		end = timer.C
	}
	l.asleep = len(l.filling.buf) == 0 // otherwise it lingers: only who cannot wait kicks
	l.mu.Unlock()
	select {
	case <-l.kicks:
	case <-l.failed:
	case <-end:
		late = true
	}
	l.mu.Lock()
	l.asleep = false
	return late
}

// giveBack makes b the spare one.
func (l *Log) giveBack(b *batch) {
	b.reset()
	if cap(b.buf) > 2*max(l.opts.BatchBytes, smallBatch) {
		b.buf = nil // one giant append must not stay in memory
	}
	l.mu.Lock()
	l.spare = b
	l.mu.Unlock()
}

// writeBatch writes b and syncs it, or leaves that to another, if something in it
// must be durable before it is confirmed.
func (l *Log) writeBatch(b *batch) error {
	l.counts.batches.Add(1)
	l.times.Queue.Observe(time.Since(b.since))
	if b.sync {
		l.owed.Store(b.end()) // before it is written: see confirmed
	}
	data := b.buf
	for _, p := range b.pieces {
		if err := l.writePiece(p, data[:p.n]); err != nil {
			return err
		}
		data = data[p.n:]
	}
	if b.sync && !l.syncsApart(b) {
		return l.sync()
	}
	if b.within > 0 {
		l.later(b.within)
	}
	poke(l.wrote)
	if !b.sync {
		poke(l.news)
	}
	return nil
}

// syncsApart says whether b, which was written, is left to the goroutine that
// syncs: more comes than one sync after the other lets through. Otherwise this
// one does it, since waking another takes as long as a sync may.
func (l *Log) syncsApart(b *batch) bool {
	return l.opts.SyncApart && (len(b.buf) >= l.opts.BatchBytes || b.pieces[0].off > l.durable.Load())
}

// writePiece writes data, which lies in one segment. It keeps two promises that
// recovery relies on: the segments before are durable, and so is everything that
// is further back than the window.
func (l *Log) writePiece(p piece, data []byte) error {
	s := l.find(p.off)
	if s == nil {
		return fmt.Errorf("commitlog: no segment for offset %d", p.off)
	}
	if l.durable.Load() < s.base {
		if err := l.sync(); err != nil {
			return err
		}
	}
	f, err := l.acquire(s)
	if err != nil {
		return err
	}
	defer s.release()
	for off := p.off; len(data) > 0; {
		n := int(min(int64(len(data)), l.opts.window()))
		if off+int64(n)-l.durable.Load() > l.opts.window() {
			if err := l.sync(); err != nil {
				return err
			}
		}
		began := time.Now()
		_, err := f.WriteAt(data[:n], off-s.base)
		l.times.Write.Observe(time.Since(began))
		if err != nil {
			return fmt.Errorf("commitlog: write at offset %d: %w", off, err)
		}
		l.counts.writes.Add(1)
		l.counts.bytes.Add(int64(n))
		off, data = off+int64(n), data[n:]
		l.written.Store(off)
	}
	l.written.Store(p.next)
	return nil
}
