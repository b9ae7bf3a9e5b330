package broker

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// A holding is what all held requests have in common, whatever they wait for: how many
// they are, who of them was woken, and that somebody looks when their time is up. What
// embeds it keeps those that wait. What is woken is taken out there, and finished by a
// worker.
type holding[H any] struct {
	limit  int           // of them
	wake   chan struct{} // there is something in woken
	sooner chan struct{} // the next deadline may have become another

	mu     sync.Mutex // guards the rest, and what is kept of those that wait
	count  int        // held and woken
	each   portion    // of these
	woken  []*H       // in the order in which they were
	closed bool
}

func newHolding[H any](limit int) holding[H] {
	return holding[H]{wake: make(chan struct{}, 1), sooner: make(chan struct{}, 1), limit: limit, each: newPortion(limit)}
}

// enter counts one more request, of from, if there is room for it; p.mu is held.
func (p *holding[H]) enter(from netip.Addr) bool {
	if p.count >= p.limit || !p.each.has(from, 1) {
		return false
	}
	p.count++
	p.each.add(from, 1)
	return true
}

// rouse gives h, which was taken out, to a worker. p.mu is held.
func (p *holding[H]) rouse(h *H) {
	p.woken = append(p.woken, h)
	signal(p.wake)
}

// next returns a woken request to be finished, nil if there is none. It has another
// worker look after the ones behind it.
func (p *holding[H]) next() *H {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.woken) == 0 {
		p.woken = nil
		return nil
	}
	h := p.woken[0]
	p.woken[0] = nil
	p.woken = p.woken[1:]
	if len(p.woken) > 0 {
		signal(p.wake)
	}
	return h
}

// leave notes that one request of from was answered.
func (p *holding[H]) leave(from netip.Addr) {
	p.mu.Lock()
	p.left(from)
	p.mu.Unlock()
}

// left notes that one request of from is gone; p.mu is held.
func (p *holding[H]) left(from netip.Addr) {
	p.count--
	p.each.add(from, -1)
}

// worker finishes woken requests until its context ends.
func (p *holding[H]) worker(finish func(*H)) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-p.wake:
			}
			for h := p.next(); h != nil; h = p.next() {
				finish(h)
			}
		}
	}
}

// idleWait is how long a clock sleeps when nothing is held.
const idleWait = time.Hour

// clock calls expire, which wakes those whose time is up and returns how long the next
// one has, until its context ends.
func (p *holding[H]) clock(expire func(now time.Time) time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		t := time.NewTimer(idleWait)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-p.sooner:
			case <-t.C:
			}
			t.Reset(expire(time.Now()))
		}
	}
}

// signal sends to a channel with room for one, unless that is there already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
