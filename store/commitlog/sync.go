package commitlog

import (
	"math"
	"time"
)

// sync makes everything written so far durable. A failure is the log's.
func (l *Log) sync() error {
	l.syncing <- struct{}{}
	defer func() { <-l.syncing }()
	l.syncWork.Pass()
	defer l.syncWork.Pass()
	// The kernel reports a lost page once: whoever comes after that must not
	// take his own success for proof.
	if err := l.Failed(); err != nil {
		return err
	}
	l.soon.Store(math.MaxInt64) // before: whoever writes more says so after that
	end := l.written.Load()
	if end == l.durable.Load() {
		return nil
	}
	// The segments before this one are durable: see writePiece.
	s := l.find(end - 1)
	f, err := l.acquire(s)
	if err != nil {
		return l.fail(err)
	}
	began := time.Now()
	l.began.Store(max(1, int64(began.Sub(l.opened))))
	err = f.Datasync()
	l.began.Store(0)
	l.times.Sync.Observe(time.Since(began))
	s.release()
	l.counts.syncs.Add(1)
	if err != nil {
		return l.fail(err)
	}
	l.durable.Store(end)
	poke(l.news)
	return nil
}

// patient is a promise that bytes alone do not hasten.
const patient = 5 * time.Second

// syncInBackground syncs when bytes grow as old as was promised, or many, and with
// SyncApart what is owed at once, until written is closed and all is durable.
func (l *Log) syncInBackground(written <-chan struct{}) {
	age := time.NewTimer(l.opts.FlushInterval)
	defer age.Stop()
	var due time.Time // zero: age is not set
	for l.Failed() == nil {
		pending, soon := l.written.Load()-l.durable.Load(), time.Duration(l.soon.Load())
		many := l.opts.FlushBytes
		if soon >= patient {
			many = max(many, l.opts.UnsyncedBytes/2)
		}
		switch at := time.Now().Add(soon); {
		case pending == 0:
			due = time.Time{}
		case l.opts.SyncApart && l.durable.Load() < l.owed.Load(), pending >= many:
			due = time.Time{}
			l.sync()
			continue
		case soon < math.MaxInt64 && (due.IsZero() || at.Before(due)):
			age.Reset(soon)
			due = at
		}
		var ripe <-chan time.Time
		if !due.IsZero() {
			ripe = age.C
		}
		select {
		case <-l.wrote:
		case <-ripe:
			due = time.Time{}
			l.sync()
		case <-l.failed:
		case <-written:
			l.sync()
			return
		}
	}
}

// later notes that what was just written is to be durable within so long.
func (l *Log) later(within time.Duration) {
	for {
		old := l.soon.Load()
		if old <= int64(within) || l.soon.CompareAndSwap(old, int64(within)) {
			return
		}
	}
}
