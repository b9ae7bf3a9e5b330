package broker

import (
	"slices"
	"time"

	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/table"
)

type popKey struct{ group, topic string }

// A popPolls is the held pops. A message wakes one of each group, the longest held one;
// if there is more, that wakes the next.
type popPolls struct {
	holding[heldPop]
	perGroup int
	groups   map[popKey][]*heldPop // in the order in which they came
	topics   map[string][]popKey   // by topic, and by retry topic
	nextAt   time.Time             // when the clock calls expire next
}

func newPopPolls(limit, perGroup int) *popPolls {
	return &popPolls{holding: newHolding[heldPop](limit), perGroup: perGroup, groups: map[popKey][]*heldPop{}, topics: map[string][]popKey{}}
}

// add holds h, which is new or was woken.
func (p *popPolls) add(h *heldPop, isNew bool) (kept, full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := popKey{h.Group, h.Topic}
	if p.closed {
		return false, false
	}
	if isNew {
		if len(p.groups[k]) >= p.perGroup {
			return false, true
		}
		yields, ok := p.enter(&h.place, h.from)
		if !ok {
			return false, true
		}
		if yields != nil {
			p.end(yields.whose.(*heldPop))
		}
	}
	if len(p.groups[k]) == 0 {
		for _, topic := range [...]string{k.topic, pop.RetryTopic(k.group, k.topic)} {
			if !slices.Contains(p.topics[topic], k) {
				p.topics[topic] = append(p.topics[topic], k)
			}
		}
	}
	h.held = true
	h.hold(h)
	p.groups[k] = append(p.groups[k], h)
	if p.nextAt.IsZero() || h.deadline.Before(p.nextAt) {
		signal(p.sooner)
	}
	return true, false
}

// end has h, which is held, answered as if its time were up.
func (p *popPolls) end(h *heldPop) {
	p.remove(h)
	h.deadline = time.Time{}
	p.yield(&h.place)
	p.rouse(h)
}

// take takes h out, unless somebody else has.
func (p *popPolls) take(h *heldPop) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !h.held {
		return false
	}
	p.remove(h)
	return true
}

func (p *popPolls) remove(h *heldPop) {
	h.held = false
	h.release()
	k := popKey{h.Group, h.Topic}
	all := p.groups[k]
	if i := slices.Index(all, h); len(all) > 1 {
		p.groups[k] = slices.Delete(all, i, i+1)
		return
	}
	delete(p.groups, k)
	for _, topic := range [...]string{k.topic, pop.RetryTopic(k.group, k.topic)} {
		if left := slices.DeleteFunc(p.topics[topic], func(o popKey) bool { return o == k }); len(left) > 0 {
			p.topics[topic] = left
		} else {
			delete(p.topics, topic)
		}
	}
}

// arrived wakes one of each group for each of arrivals.
func (p *popPolls) arrived(arrivals []store.Arrival) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range arrivals {
		a := &arrivals[i]
		for _, k := range slices.Clone(p.topics[a.Topic]) {
			p.rouseOne(k, func(h *heldPop) bool {
				return h.mayTake(a.Topic, a.QueueID) && (h.Filter == nil || h.Filter.Match(a.TagsCode))
			})
		}
	}
}

// wakeOne wakes the pop of a group that is held the longest: there are more messages.
func (p *popPolls) wakeOne(group, topic string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rouseOne(popKey{group, topic}, func(*heldPop) bool { return true })
}

// opened wakes one pop of a group that takes from a queue.
func (p *popPolls) opened(group, topic string, queueID int32) {
	p.moved([]table.Offset{{Group: group, Topic: topic, QueueID: queueID}})
}

// moved wakes one pop of each group for each of all, where the group goes on.
func (p *popPolls) moved(all []table.Offset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range all {
		o := &all[i]
		for _, k := range slices.Clone(p.topics[o.Topic]) {
			if k.group == o.Group {
				p.rouseOne(k, func(h *heldPop) bool { return h.mayTake(o.Topic, o.QueueID) })
			}
		}
	}
}

// rouseOne rouses of the pops of k that match the longest held one, and before it those
// that only ask: they leave the message where it is.
func (p *popPolls) rouseOne(k popKey, matches func(*heldPop) bool) {
	for i := 0; i < len(p.groups[k]); {
		h := p.groups[k][i]
		if !matches(h) {
			i++
			continue
		}
		p.remove(h)
		p.rouse(h)
		if !h.asks {
			return
		}
	}
}

// held is how many pops of a group are held for a queue, or for any.
func (p *popPolls) held(group, topic string, queueID int32) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.groups[popKey{group, topic}] {
		if !h.asks && h.QueueID == queueID {
			n++
		}
	}
	return n
}

// coarse is how often the deadlines of all held pops are looked at, at most.
const coarse = 100 * time.Millisecond

// expire wakes the pops whose deadline is not after now and returns how long the next
// one has.
func (p *popPolls) expire(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := idleWait
	var over []*heldPop
	for _, all := range p.groups {
		for _, h := range all {
			if left := h.deadline.Sub(now); left > 0 {
				next = min(next, left)
			} else {
				over = append(over, h)
			}
		}
	}
	for _, h := range over {
		p.remove(h)
		p.rouse(h)
	}
	next = max(next, coarse)
	p.nextAt = now.Add(next)
	return next
}

// drop takes out what conn waits for; the caller answers it.
func (p *popPolls) drop(conn *remoting.Conn) []*heldPop {
	return p.takeAll(func(h *heldPop) bool { return h.req.Conn() == conn })
}

// forget takes out what is held of a group, or of a topic; the other name is "". The
// caller answers it.
func (p *popPolls) forget(group, topic string) []*heldPop {
	return p.takeAll(func(h *heldPop) bool { return h.Group == group || h.Topic == topic })
}

func (p *popPolls) takeAll(which func(*heldPop) bool) (gone []*heldPop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, all := range p.groups {
		for _, h := range all {
			if which(h) {
				gone = append(gone, h)
			}
		}
	}
	for _, h := range gone {
		p.remove(h)
		p.left(&h.place)
	}
	return gone
}

// close holds nothing from now on and returns what is to be answered.
func (p *popPolls) close() []*heldPop {
	p.mu.Lock()
	woken := p.woken
	p.woken, p.closed = nil, true
	p.mu.Unlock()
	return append(p.takeAll(func(*heldPop) bool { return true }), woken...)
}
