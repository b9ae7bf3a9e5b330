package broker

import (
	"context"
	"time"
)

// deadlines is held pulls as a heap, the one whose time is up first at its root.
// Each knows its place.
type deadlines []*heldPull

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline.Before(d[j].deadline) }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].at, d[j].at = i, j
}

// Push is for package heap.
func (d *deadlines) Push(x any) {
	h := x.(*heldPull)
	h.at = len(*d)
	*d = append(*d, h)
}

// Pop is for package heap.
func (d *deadlines) Pop() any {
	old := *d
	h := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	h.at = -1
	return h
}

// idleWait is how long run sleeps when nothing is held.
const idleWait = time.Hour

// run wakes the pulls whose time is up until ctx ends.
func (p *longPoll) run(ctx context.Context) error {
	t := time.NewTimer(idleWait)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.sooner:
		case <-t.C:
		}
		t.Reset(p.expire(time.Now()))
	}
}

// expire wakes the pulls whose deadline is not after now and returns how long
// the next one has.
func (p *longPoll) expire(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.byTime) > 0 {
		h := p.byTime[0]
		if left := h.deadline.Sub(now); left > 0 {
			return left
		}
		p.remove(h)
		p.woken = append(p.woken, h)
		signal(p.wake)
	}
	return idleWait
}

// signal sends to a channel with room for one, unless that is there already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
