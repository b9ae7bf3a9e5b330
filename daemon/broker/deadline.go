package broker

import "time"

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
		p.rouse(h)
	}
	return idleWait
}
