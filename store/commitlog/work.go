package commitlog

import "sync/atomic"

// A Work is one kind of the log's work that is under way or waits: Mark is another
// one as soon as some of it was done.
type Work struct {
	What string
	Mark int64
}

// Work returns what is under way or waits now, for who looks whether it goes on. A
// log that has failed does nothing any more. It waits for no disk.
func (l *Log) Work() (all []Work) {
	if l.Failed() != nil {
		return nil
	}
	written := l.written.Load() // before the end, which only grows meanwhile
	if end := l.end.Load(); end > written {
		all = append(all, Work{What: "write the log", Mark: written})
	}
	if n, yes := l.syncWork.UnderWay(); yes {
		all = append(all, Work{What: "sync the log", Mark: n})
	}
	if n, yes := l.segmentWork.UnderWay(); yes {
		all = append(all, Work{What: "make the next segment", Mark: n})
	}
	return all
}

// A Turnstile counts what one goroutine at a time begins and ends: it is odd between.
type Turnstile struct{ n atomic.Int64 }

// Pass says that something begins, or ends.
func (t *Turnstile) Pass() { t.n.Add(1) }

// UnderWay says whether something has begun and not ended; mark tells it from what
// was before.
func (t *Turnstile) UnderWay() (mark int64, yes bool) {
	n := t.n.Load()
	return n, n%2 == 1
}
