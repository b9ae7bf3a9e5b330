package commitlog

// tell calls Durable and Confirmed as the watermarks move, until done is closed.
func (l *Log) tell(done <-chan struct{}) {
	for ended := false; !ended; {
		select {
		case <-l.news:
		case <-done:
			ended = true
		}
		l.tellOnce()
	}
	if err := l.Failed(); err != nil && l.opts.Confirmed != nil {
		l.awaitAppends()
		l.opts.Confirmed(l.told.confirmed, err)
	}
}

// tellOnce passes on what is new. Holding the lock, Truncate can move the
// watermarks back and be sure that nothing of before is told afterwards.
func (l *Log) tellOnce() {
	t := &l.told
	t.mu.Lock()
	defer t.mu.Unlock()
	// In this order: with SyncFlush, Durable is told of what Confirmed is.
	confirmed, durable := max(l.confirmed(), t.confirmed), l.durable.Load()
	if durable > t.durable && l.opts.Durable != nil {
		l.opts.Durable(durable)
	}
	if confirmed > t.confirmed && l.opts.Confirmed != nil {
		l.opts.Confirmed(confirmed, nil)
	}
	t.durable, t.confirmed = durable, confirmed
}

// confirmed is how far every append has what was promised. It may fall back: what
// was told once is.
func (l *Log) confirmed() int64 {
	written := l.written.Load() // before: who wrote more has raised owed by then
	if durable := l.durable.Load(); durable < l.owed.Load() {
		return durable
	}
	return written
}

// awaitAppends returns once no append is under way that began before the log
// failed: whoever is told of the failure then knows of all that was appended.
func (l *Log) awaitAppends() {
	l.mu.Lock()
	defer l.mu.Unlock()
}
