package commitlog

import "time"

// SetLinger has the first append of a batch wait at least so long for others, from
// the next batch on; 0: as long as FlushLinger says. What is confirmed is as safe
// as ever, only later.
func (l *Log) SetLinger(d time.Duration) { l.longer.Store(int64(d)) }

// lingering is how long the first append of a batch may wait now.
func (l *Log) lingering() time.Duration {
	return max(l.opts.FlushLinger, time.Duration(l.longer.Load()))
}

// Flush returns when everything that was appended before is durable; appends wait
// meanwhile. It fails with ErrReadOnly, ErrClosed or ErrFailed where nothing is
// written any more.
func (l *Log) Flush() error { return l.alone(func() error { return nil }) } // which syncs first
