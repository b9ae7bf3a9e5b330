package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"pairmq/store/table"
)

// resetTime is how long a consumer may take to go on from where it was reset to:
// clients wait for ten seconds before they do.
const resetTime = time.Minute

// maxResets is how many queues of all groups may have consumers that are to go on
// from somewhere else.
const maxResets = 10_000

// A resetKey is one queue of one group.
type resetKey struct {
	group string
	queueKey
}

// resets are the queues whose consumers are to go on from somewhere else and have
// not yet: their next pull is told where, and what they commit until they do is of
// the time before.
type resets struct {
	count atomic.Int64 // so that a commit needs no lock where there are none

	mu  sync.Mutex // guards the rest
	all map[resetKey]*reset
}

type reset struct {
	offset int64
	until  time.Time
	told   bool
}

func newResets() *resets { return &resets{all: map[resetKey]*reset{}} }

// add notes what was reset; it says whether there is room.
func (r *resets) add(all []table.Offset, until time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all)+len(all) > maxResets {
		return false
	}
	for _, o := range all {
		r.all[resetKey{o.Group, queueKey{o.Topic, o.QueueID}}] = &reset{offset: o.Offset, until: until}
	}
	r.count.Store(int64(len(r.all)))
	return true
}

// stale says whether a commit is of the time before a reset. One of just the
// offset of that is its consumer's first.
func (r *resets) stale(group string, q queueKey, offset int64) bool {
	if r.count.Load() == 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := resetKey{group, q}
	at := r.all[k]
	if at == nil || offset == at.offset || !time.Now().Before(at.until) {
		r.drop(k)
		return false
	}
	return true
}

// waits says whether a consumer has still to go on from somewhere else, and
// whether it has been told so.
func (r *resets) waits(group string, q queueKey) (waits, told bool) {
	if r.count.Load() == 0 {
		return false, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.all[resetKey{group, q}]
	return at != nil, at != nil && at.told
}

// tell returns where the consumer that pulls from a queue is to go on, once.
func (r *resets) tell(group string, q queueKey) (offset int64, moved bool) {
	if r.count.Load() == 0 {
		return 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.all[resetKey{group, q}]
	if at == nil || at.told {
		return 0, false
	}
	at.told = true
	return at.offset, true
}

// done notes that a consumer goes on from where the queue was reset to.
func (r *resets) done(group string, q queueKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(resetKey{group, q})
}

// drop forgets one; r.mu is held.
func (r *resets) drop(k resetKey) {
	delete(r.all, k)
	r.count.Store(int64(len(r.all)))
}

// expire forgets those that nobody cared for.
func (r *resets) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, at := range r.all {
		if !now.Before(at.until) {
			r.drop(k)
		}
	}
}
