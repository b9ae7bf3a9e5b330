package broker

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"pairmq/internal/remoting"
)

// A holding is what all held requests have in common, whatever they wait for: how many
// they are, who of them was woken, and that somebody looks when their time is up. What
// embeds it keeps those that wait. What is woken is taken out there, and finished by a
// worker.
type holding[H any] struct {
	limit  int           // of them
	wake   chan struct{} // there is something in woken
	sooner chan struct{} // the next deadline may have become another

	mu     sync.Mutex          // guards the rest, and what is kept of those that wait
	count  int                 // held and woken
	each   portion             // of these
	woken  []*H                // in the order in which they were
	short  map[netip.Addr][]*H // for which there was no room, by source: each has a goroutine
	closed bool
	waits  sync.WaitGroup // of these
}

// maxShort is of how many sources requests wait for room at a time.
const maxShort = 64

func newHolding[H any](limit int) holding[H] {
	return holding[H]{wake: make(chan struct{}, 1), sooner: make(chan struct{}, 1), limit: limit, each: newPortion(limit), short: map[netip.Addr][]*H{}}
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

// aside has h, for which there was no room, finished by a goroutine of its source, which
// may wait for that: the workers go on with those of others. patient says that it may; what
// finishes it returns whether there was some. Where a source has none in vain, because it
// does not read, the next ones do not wait. It returns false if no more may.
func (p *holding[H]) aside(from netip.Addr, h *H, finish func(h *H, patient bool) bool) bool {
	from = remoting.SiteOf(from)
	p.mu.Lock()
	defer p.mu.Unlock()
	line, there := p.short[from]
	if p.closed || !there && len(p.short) >= maxShort {
		return false
	}
	p.short[from] = append(line, h)
	if !there {
		p.waits.Go(func() { p.finishShort(from, finish) })
	}
	return true
}

func (p *holding[H]) finishShort(from netip.Addr, finish func(*H, bool) bool) {
	for patient := true; ; {
		p.mu.Lock()
		line := p.short[from]
		if len(line) == 0 {
			delete(p.short, from)
			p.mu.Unlock()
			return
		}
		h := line[0]
		line[0] = nil
		p.short[from] = line[1:]
		patient = patient && !p.closed
		p.mu.Unlock()
		patient = finish(h, patient)
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
