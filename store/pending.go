package store

import (
	"sync"
	"time"
)

// A pendingEntry is one record between Put and its confirmation.
type pendingEntry struct {
	phy    int64 // bytes
	queue  *queue
	offset int64 // queue offset
	tags   int64
	stamp  int64 // store timestamp, ms
	size   int32
	queued bool
	keys   []uint32 // hashes for the key index
	done   func(error)
	putAt  time.Time
}

func (e *pendingEntry) end() int64 { return e.phy + int64(e.size) }

// A pendingQueue holds records in log order until the flush policy has
// confirmed them.
type pendingQueue struct {
	mu      sync.Mutex
	entries []pendingEntry // from head on
	head    int
	taken   []pendingEntry // what take returned last; one taker
}

// add notes records that follow the ones noted before. The log's lock is held,
// so entries come in log order.
func (q *pendingQueue) add(entries []pendingEntry) {
	q.mu.Lock()
	q.entries = append(q.entries, entries...)
	q.mu.Unlock()
}

// take removes the records that end at or before end and returns them. They
// are valid until the next take; there is one taker.
func (q *pendingQueue) take(end int64) []pendingEntry {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.head
	for n < len(q.entries) && q.entries[n].end() <= end {
		n++
	}
	q.taken = append(q.taken[:0], q.entries[q.head:n]...)
	clear(q.entries[q.head:n])
	q.head = n
	if q.head == len(q.entries) {
		q.entries, q.head = shrink(q.entries), 0
	} else if q.head > 1024 && q.head > len(q.entries)/2 {
		q.entries, q.head = q.entries[:copy(q.entries, q.entries[q.head:])], 0
	}
	return q.taken
}

// each calls f with all records there are.
func (q *pendingQueue) each(f func(*pendingEntry)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.entries[q.head:] {
		f(&q.entries[q.head+i])
	}
}

// oldest is where the record lies that waits for longest, if one does.
func (q *pendingQueue) oldest() (phy int64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head == len(q.entries) {
		return 0, false
	}
	return q.entries[q.head].phy, true
}

// cut drops the records that end behind end: they are not in the log.
func (q *pendingQueue) cut(end int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.entries)
	for n > q.head && q.entries[n-1].end() > end {
		n--
	}
	clear(q.entries[n:])
	q.entries = q.entries[:n]
}

// release lets go of what take returned.
func (q *pendingQueue) release() {
	clear(q.taken)
	q.taken = shrink(q.taken)
}

// shrink empties s and frees it when it has grown beyond what traffic needs.
func shrink(s []pendingEntry) []pendingEntry {
	if cap(s) > 4096 {
		return nil
	}
	return s[:0]
}

// overdue takes the done funcs of records put before limit.
func (q *pendingQueue) overdue(limit time.Time) (late []func(error)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := q.head; i < len(q.entries) && q.entries[i].putAt.Before(limit); i++ {
		if d := q.entries[i].done; d != nil {
			late = append(late, d)
			q.entries[i].done = nil
		}
	}
	return late
}
