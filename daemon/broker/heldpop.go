package broker

import (
	"net/netip"
	"time"

	"pairmq/daemon/broker/pop"
	"pairmq/internal/remoting"
	"pairmq/store"
)

// A heldPop waits for a message that can be popped, or for its deadline.
type heldPop struct {
	pop.Request
	req *remoting.Request
	place
	from     netip.Addr // what it counts for; see sourceOf
	asks     bool       // it is a request 200054, which pops nothing
	deadline time.Time
	held     bool // is in popPolls
}

// mayTake says whether a pop takes from a queue of one of its two topics, of which an
// ordered one has only the first.
func (h *heldPop) mayTake(topic string, queueID int32) bool {
	if topic != h.Topic {
		return !h.Ordered
	}
	return h.QueueID < 0 || h.QueueID == queueID
}

// none answers a pop that has found nothing.
func (h *heldPop) none() {
	if h.asks {
		replyNotification(h.req, false, false)
		return
	}
	f := popFields(pop.Handle{PopTime: time.Now().UnixMilli(), Invisible: h.Invisible, Revive: revive(&h.Request)})
	f.Add("restNum", "0")
	h.req.Reply(&remoting.Response{Code: remoting.RespPollingTimeout, Remark: store.NoMessageInQueue.String(), Fields: f})
}

// holdPop holds h, which has found nothing, for pollTime (ms) at most: 0 and less is not
// at all.
func (b *Broker) holdPop(h *heldPop, pollTime int64) error {
	if pollTime <= 0 {
		h.none()
		return nil
	}
	h.deadline = time.Now().Add(min(time.Duration(min(pollTime, pop.MaxInvisible))*time.Millisecond, b.opts.MaxHold))
	h.req.Fields, h.req.Remark = nil, "" // they are read, and held pops are many
	h.from = sourceOf(h.req.Conn())
	h.req.Park()
	switch kept, full := b.popPolls.add(h, true); {
	case full && h.asks:
		replyNotification(h.req, false, true)
	case full:
		return refuse(remoting.RespPollingFull, "too many pops are held")
	case !kept:
		h.none()
	case b.pops.Waiting(&h.Request) > 0 && b.popPolls.take(h): // something came that woke nobody
		b.finishPop(h)
	}
	return nil
}

// finishPop answers a pop that was woken, or holds it on until its deadline.
func (b *Broker) finishPop(h *heldPop) {
	const tries = 4 // where messages are there and cannot be had, it waits for others
	for range tries {
		if b.outdated(h.req) {
			b.popPolls.wakeOne(h.Group, h.Topic) // what h was woken for is another's
			break
		}
		if b.tryPop(h) {
			b.popPolls.leave(&h.place)
			return
		}
		if !time.Now().Before(h.deadline) {
			break
		}
		if kept, _ := b.popPolls.add(h, false); !kept {
			break
		}
		if b.pops.Waiting(&h.Request) == 0 || !b.popPolls.take(h) {
			return
		}
	}
	b.popPolls.leave(&h.place)
	h.none()
}

// tryPop answers h if there is something to answer.
func (b *Broker) tryPop(h *heldPop) bool {
	if h.asks {
		has := b.pops.Waiting(&h.Request) > 0
		if has {
			replyNotification(h.req, true, false)
		}
		return has
	}
	p, err := b.pops.Pop(&h.Request)
	switch {
	case err != nil:
		b.fail(h.req, popError(err))
	case p.Topic != "":
		b.replyPop(h.req, &h.Request, &p)
	default:
		return false
	}
	return true
}
