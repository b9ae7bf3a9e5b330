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
	leaves int        // of these: those that have given their place to another
	each   shares     // of the others
	woken  []*H       // in the order in which they were
	closed bool
}

func newHolding[H any](limit int) holding[H] {
	return holding[H]{wake: make(chan struct{}, 1), sooner: make(chan struct{}, 1), limit: limit, each: newShares(limit)}
}

// mostLeaving bounds how many requests there are beyond the limit, until the workers have
// answered those that have given up their place. Addresses that have few have as much again
// to themselves: where those who have many come all at once, they would find none.
const (
	mostLeaving = 256
	fewHeld     = 16
)

// enter counts one more request, of from, if there is room for it, or another one is to
// give up its place: the caller calls yield for it. p.mu is held.
func (p *holding[H]) enter(h *place, from netip.Addr) (yields *place, ok bool) {
	if p.count-p.leaves >= p.limit {
		most := mostLeaving
		if p.each.has(from) < fewHeld {
			most *= 2
		}
		if p.leaves < most {
			yields = p.each.yields(from)
		}
		if yields == nil {
			return nil, false
		}
	}
	if !p.each.enter(h, from) {
		return nil, false
	}
	p.count++
	return yields, true
}

// yield notes that h, which was taken out, has given up its place and is about to be
// answered. p.mu is held.
func (p *holding[H]) yield(h *place) {
	p.each.leave(h)
	h.leaves = true
	p.leaves++
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

// leave notes that a request was answered.
func (p *holding[H]) leave(h *place) {
	p.mu.Lock()
	p.left(h)
	p.mu.Unlock()
}

// left notes that a request is gone; p.mu is held.
func (p *holding[H]) left(h *place) {
	p.count--
	p.each.leave(h)
	if h.leaves {
		p.leaves--
	}
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
