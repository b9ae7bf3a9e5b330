package broker

import (
	"container/heap"
	"net/netip"
	"slices"
	"time"

	"pairmq/internal/remoting"
	"pairmq/store"
)

// pullWorkers is how many goroutines read for woken pulls, so that neither the
// store's goroutine nor one slow read holds the others up.
const pullWorkers = 2

// A heldPull waits for a record at reading.offset or beyond, or for its deadline.
type heldPull struct {
	reading
	req *remoting.Request
	place
	from     netip.Addr // what it counts for; see sourceOf
	deadline time.Time
	at       int // in longPoll.byTime; -1 when it is held no longer
	among    int // in longPoll.queues
}

type queueKey struct {
	topic   string
	queueID int32
}

// A longPoll is the pulls that found nothing and wait. What wakes one takes it
// out; it is read for once more and answered by a worker.
type longPoll struct {
	holding[heldPull]
	queues map[queueKey][]*heldPull
	byTime deadlines
}

func newLongPoll(limit int) *longPoll {
	return &longPoll{holding: newHolding[heldPull](limit), queues: map[queueKey][]*heldPull{}}
}

// hold keeps the pull, which found res, for at most d. A pull for which there
// is no room is refused with a code on which clients wait before the next try.
func (b *Broker) hold(req *remoting.Request, r *reading, d time.Duration, res store.Result) error {
	h := &heldPull{reading: *r, req: req, from: sourceOf(req.Conn()), deadline: time.Now().Add(d)}
	req.Fields, req.Remark = nil, "" // they are read, and held pulls are many
	req.Park()
	kept, full := b.polls.add(h)
	if full {
		return refuse(remoting.RespSystemBusy, "%d pulls are held, or half as many of one address, no more are allowed", b.opts.MaxHeldPulls)
	}
	if !kept {
		b.replyPull(req, r, res)
		return nil
	}
	if b.missed(h, r.offset) && b.polls.take(h) {
		b.finish(h)
	}
	return nil
}

// finish answers a pull that was held, whatever there is now. It is held no
// longer, unless its filter looks into records, has seen all there are, and
// wants none of them: its consumer is not troubled for these.
func (b *Broker) finish(h *heldPull) {
	for {
		if offset, moved := b.resets.tell(h.group, queueKey{h.topic, h.queueID}); moved {
			b.replyReset(h.req, &h.reading, offset)
			break
		}
		if b.outdated(h.req) {
			b.replyPull(h.req, &h.reading, b.nothing(&h.reading))
			break
		}
		res, err := b.read(h.req, &h.reading)
		if err != nil {
			b.fail(h.req, err)
			break
		}
		if !b.polls.holdOn(h, &res) {
			b.replyPull(h.req, &h.reading, res)
			break
		}
		if !b.missed(h, res.NextBeginOffset) || !b.polls.take(h) {
			return
		}
	}
	b.polls.leave(&h.place)
}

// nothing is what a pull gets that has to ask again.
func (b *Broker) nothing(r *reading) store.Result {
	return store.Result{Status: store.OffsetFoundNull, NextBeginOffset: r.offset, MinOffset: b.store.MinOffset(r.topic, r.queueID), MaxOffset: b.store.MaxOffset(r.topic, r.queueID)}
}

// missed says whether something has come that woke nobody since h was read for, up to
// offset: a record, or a reset. h.offset is not to be looked at: whoever has woken h by now holds it on from elsewhere.
func (b *Broker) missed(h *heldPull, offset int64) bool {
	reset, told := b.resets.waits(h.group, queueKey{h.topic, h.queueID})
	return b.store.MaxOffset(h.topic, h.queueID) > offset || reset && !told
}

// add holds h, maybe in the place of one of an address that has more. It does not if p is
// closed, or full.
func (p *longPoll) add(h *heldPull) (kept, full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false, false
	}
	yields, ok := p.enter(&h.place, h.from)
	if !ok {
		return false, true
	}
	if yields != nil {
		p.end(yields.whose.(*heldPull))
	}
	p.put(h)
	return true, false
}

// end has h, which is held, answered as if its time were up.
func (p *longPoll) end(h *heldPull) {
	p.remove(h)
	h.deadline = time.Time{}
	p.yield(&h.place)
	p.rouse(h)
}

// put puts h where it is found.
func (p *longPoll) put(h *heldPull) {
	k := queueKey{h.topic, h.queueID}
	h.among = len(p.queues[k])
	p.queues[k] = append(p.queues[k], h)
	h.hold(h)
	heap.Push(&p.byTime, h)
	if h.at == 0 {
		signal(p.sooner)
	}
}

// holdOn holds h, which was woken, until its deadline if records were there and its
// filter, which looks into them, wants none: from then on for what is behind these.
func (p *longPoll) holdOn(h *heldPull, res *store.Result) bool {
	if _, looks := h.filter.(store.PropertyFilter); !looks || res.Status != store.NoMatchedMessage {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || !time.Now().Before(h.deadline) {
		return false
	}
	h.offset = res.NextBeginOffset
	p.put(h)
	return true
}

// take takes h out, unless somebody else has.
func (p *longPoll) take(h *heldPull) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.at < 0 {
		return false
	}
	p.remove(h)
	return true
}

// remove takes h, which is held, out.
func (p *longPoll) remove(h *heldPull) {
	heap.Remove(&p.byTime, h.at)
	h.release()
	k := queueKey{h.topic, h.queueID}
	all := p.queues[k]
	last := len(all) - 1
	if last == 0 {
		delete(p.queues, k)
		return
	}
	all[h.among], all[last].among = all[last], h.among
	all[last] = nil
	p.queues[k] = all[:last]
}

// arrived wakes those that wait for one of arrivals.
func (p *longPoll) arrived(arrivals []store.Arrival) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range arrivals {
		if len(p.byTime) == 0 {
			break
		}
		a := &arrivals[i]
		k := queueKey{a.Topic, a.QueueID}
		for _, h := range slices.Backward(p.queues[k]) {
			if a.QueueOffset >= h.offset && (h.filter == nil || h.filter.Match(a.TagsCode)) {
				p.remove(h)
				p.rouse(h)
			}
		}
	}
}

// wakeGroup wakes what a group waits for in a queue.
func (p *longPoll) wakeGroup(group string, k queueKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range slices.Backward(p.queues[k]) {
		if h.group == group {
			p.remove(h)
			p.rouse(h)
		}
	}
}

// drop takes out what conn waits for; the caller answers it.
func (p *longPoll) drop(conn *remoting.Conn) []*heldPull {
	p.mu.Lock()
	defer p.mu.Unlock()
	var gone []*heldPull
	for _, h := range p.byTime {
		if h.req.Conn() == conn {
			gone = append(gone, h)
		}
	}
	for _, h := range gone {
		p.remove(h)
		p.left(&h.place)
	}
	return gone
}

// close holds nothing from now on and returns what is to be finished.
func (p *longPoll) close() []*heldPull {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	left := append([]*heldPull(p.byTime), p.woken...)
	for _, h := range left {
		h.at = -1
	}
	p.byTime, p.woken = nil, nil
	clear(p.queues)
	return left
}
