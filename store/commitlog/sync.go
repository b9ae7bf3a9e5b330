package commitlog

import "time"

// sync makes everything written so far durable. A failure is the log's.
func (l *Log) sync() error {
	l.syncing <- struct{}{}
	defer func() { <-l.syncing }()
	// The kernel reports a lost page once: whoever comes after that must not
	// take his own success for proof.
	if err := l.Failed(); err != nil {
		return err
	}
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
	err = f.Datasync()
	s.release()
	l.counts.syncs.Add(1)
	if err != nil {
		return l.fail(err)
	}
	l.durable.Store(end)
	poke(l.news)
	return nil
}

// syncInBackground syncs when bytes grow old or many, or with SyncFlush at once,
// until written is closed and all is durable.
func (l *Log) syncInBackground(written <-chan struct{}) {
	age := time.NewTimer(l.opts.FlushInterval)
	defer age.Stop()
	var due <-chan time.Time
	for l.Failed() == nil {
		switch pending := l.written.Load() - l.durable.Load(); {
		case pending == 0:
			due = nil
		case l.opts.SyncFlush || pending >= l.opts.FlushBytes:
			due = nil
			l.sync()
			continue
		case due == nil:
			age.Reset(l.opts.FlushInterval)
			due = age.C
		}
		select {
		case <-l.wrote:
		case <-due:
			due = nil
			l.sync()
		case <-l.failed:
		case <-written:
			l.sync()
			return
		}
	}
}
