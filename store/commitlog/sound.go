package commitlog

// Sound says whether the segment that holds the byte at off is known to be
// undamaged: this process has read all of it, or written it.
func (l *Log) Sound(off int64) bool {
	s := l.find(off)
	return s != nil && l.known(s)
}

// MarkSound notes that all of the segment that holds the byte at off was read
// and found undamaged. It fails to do so for one that is not durable as a whole.
func (l *Log) MarkSound(off int64) {
	if s := l.find(off); s != nil && s.end <= l.durable.Load() {
		s.read.Store(true)
	}
}

// MarkUnsound takes that back.
func (l *Log) MarkUnsound(off int64) {
	if s := l.find(off); s != nil {
		s.read.Store(false)
		s.bad.Store(true)
	}
}

// known says whether s is known to be sound.
func (l *Log) known(s *segment) bool {
	return s.read.Load() || s.base >= l.sound && !s.bad.Load()
}
