package transaction

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"pairmq/store"
	"pairmq/store/record"
)

// A Check is a half whose producer is to be asked.
type Check struct {
	Group     string         // the producers'
	Half      record.Message // where the half is now; its body is the Coordinator's
	Topic     string         // where its message goes
	QueueID   int32
	UniqueKey string // "" if it has none
}

// A work is what is done for a half that is open and was not decided in time.
type work struct {
	half  half
	v     *record.View
	ms    []record.Message // what is stored, nil for only the op
	renew bool             // that is the half itself, and its producer is asked
	stays bool             // ms cannot be stored: the half is left where it is
}

// A result is what the store says of one of them.
type result struct {
	n   int // its place
	err error
}

// round asks for each half that is open for long enough, gives up those that were asked
// for often enough, and notes how far halves and ops are worked off.
func (c *Coordinator) round(ctx context.Context) {
	c.commitProgress()
	end := c.st.MaxOffset(HalfTopic, 0)
	at := int64(0)
	var err error
	for ctx.Err() == nil && err == nil {
		c.mu.Lock()
		at = c.done.next(at)
		c.mu.Unlock()
		if at >= end {
			break
		}
		at, err = c.look(at, end)
	}
	switch {
	case err != nil && !c.failing:
		c.log.Warn("producers are not asked for their open transactions now", "queueOffset", at, "err", err, "retryIn", c.o.Interval)
		c.failing = true
	case err == nil && c.failing && ctx.Err() == nil:
		c.log.Info("producers are asked for their open transactions again")
		c.failing = false
	}
	c.reached(c.st.MaxOffset(HalfTopic, 0))
}

// look does what is to be done for some halves from an offset on, none of them at end or
// beyond, and returns where to go on.
func (c *Coordinator) look(at, end int64) (next int64, err error) {
	if first := c.st.MinOffset(HalfTopic, 0); first > at {
		c.gone(at, first)
		return first, nil
	}
	res, err := c.st.Get(HalfTopic, 0, at, batch, batchBytes, nil)
	if err != nil {
		return at, err
	}
	defer res.Release()
	var todo []work
	from := at
	for body := res.Body; len(body) > 0; {
		v, err := record.Parse(body, record.Limits{Record: len(body)})
		if err != nil {
			return at, err
		}
		body = body[v.Size():]
		if v.QueueOffset() >= end {
			break
		}
		c.lost(from, v.QueueOffset())
		from = v.QueueOffset() + 1
		if w, ok := c.judge(&v); ok {
			todo = append(todo, w)
		}
	}
	if err := c.do(todo); err != nil {
		return at, err
	}
	switch to := min(res.NextBeginOffset, end); {
	case from > at:
		return from, nil
	case c.st.MinOffset(HalfTopic, 0) > at: // given back meanwhile
		return at, nil
	case res.Status == store.MessageWasRemoving && to > at: // this one is lost; of what follows it is not said
		c.lost(at, at+1)
		return at + 1, nil
	case (res.Status == store.Found || res.Status == store.NoMatchedMessage || res.Status == store.OffsetFoundNull) && to > at: // nothing can be read up to there
		c.lost(at, to)
		return to, nil
	}
	return at, fmt.Errorf("transaction: queue offset %d of %d to %d cannot be read: %v", at, res.MinOffset, res.MaxOffset, res.Status)
}

// gone closes halves that were given back with the oldest segments.
func (c *Coordinator) gone(from, to int64) {
	c.mu.Lock()
	n := 0
	for at := c.done.next(from); at < to; at = c.done.next(at) {
		c.done.set(at)
		n++
	}
	for origin, at := range c.asked {
		if at < to {
			delete(c.asked, origin)
		}
	}
	maps.DeleteFunc(c.owed, func(origin int64, _ []int64) bool { _, asked := c.asked[origin]; return origin < to && !asked })
	c.mu.Unlock()
	c.log.Error("open transactions were given back with the oldest segments: the log is too small for its traffic", "halves", n)
}

// lost closes halves that cannot be read any more.
func (c *Coordinator) lost(from, to int64) {
	n := 0
	for at := from; at < to; at++ {
		c.mu.Lock()
		if !c.done.has(at) {
			n++
		}
		c.done.set(at)
		c.mu.Unlock()
	}
	if n > 0 {
		c.log.Error("open transactions are lost: their halves are damaged", "halves", n, "queueOffset", from, "to", to)
	}
}

// judge says what is to be done for a half now, and claims it.
func (c *Coordinator) judge(v *record.View) (work, bool) {
	w := work{half: parseHalf(v, c.o.Timeout), v: v}
	h := &w.half
	c.mu.Lock()
	at, open := c.current(h)
	full := len(c.asked) >= maxOpen && h.origin == h.offset
	if !open || at != h.offset || c.busy[h.origin] != nil || full {
		c.mu.Unlock()
		return w, false
	}
	before := h.offset < c.known
	age := c.arrivals.age(h.offset, c.up())
	if before { // the wall clock may know how long the power was off
		age = max(age, c.o.Wall()-v.StoreTimestamp())
	}
	tooOld := c.arrivals.age(h.offset, c.up()) > c.o.Reserved.Milliseconds()
	if h.checks == 0 && age < h.immunity.Milliseconds() && !tooOld {
		c.mu.Unlock()
		return w, false
	}
	c.claim(h)
	c.mu.Unlock()
	_, _, err := address(v)
	switch {
	case h.origin < c.known && c.wasDelivered(v):
	case err != nil || h.checks >= c.o.CheckMax || tooOld:
		m := v.Message()
		m.Topic, m.QueueID = GivenUpTopic, 0
		w.ms = []record.Message{m}
	default:
		w.ms, w.renew = []record.Message{renewed(v, h)}, true
	}
	return w, true
}

// do stores what is to be stored for some halves, and asks for those that are stored
// once more. It returns the first error.
func (c *Coordinator) do(todo []work) (first error) {
	results := make(chan result, len(todo))
	for i := range todo {
		done := func(err error) { results <- result{i, err} }
		if todo[i].ms == nil {
			done(nil)
		} else if err := c.st.Put(todo[i].ms, done); err != nil {
			if todo[i].stays = ofOne(err); todo[i].stays {
				err = nil
			}
			done(err)
		}
	}
	for range todo {
		r := <-results
		w := &todo[r.n]
		if !stored(r.err) {
			if first == nil {
				first = r.err
			}
			c.release(&w.half, nil)
			continue
		}
		if w.stays {
			c.release(&w.half, nil)
			if w.ms[0] = w.v.Message(); w.renew {
				c.ask(w)
			}
			continue
		}
		err := c.putOp(&w.half, w.half.offset, func(error) {})
		if err != nil && first == nil {
			first = err // until halves are worked off beyond it a start looks at this one once more
		}
		if !w.renew {
			if w.ms != nil {
				topic, _, err := address(w.v)
				attrs := []any{"queueOffset", w.half.offset, "phyOffset", w.v.PhyOffset(), "checks", w.half.checks, "topic", topic}
				if err != nil {
					attrs = append(attrs, "err", err)
				}
				c.given.Log("a transaction is given up: nobody has decided it", attrs...)
			}
			c.release(&w.half, func() { c.close(&w.half, w.half.offset) })
			continue
		}
		now := w.ms[0].QueueOffset
		c.release(&w.half, func() {
			c.done.set(w.half.offset)
			c.asked[w.half.origin] = now
			if err != nil {
				c.owed[w.half.origin] = append(c.owed[w.half.origin], w.half.offset)
			}
		})
		c.ask(w)
	}
	return first
}

// ofOne says whether the store would take the messages of other halves all the same: the
// half has no room for one more property, or a topic is at its quota.
func ofOne(err error) bool {
	return errors.Is(err, record.ErrTooLong) || errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrQuota)
}

// ask has the producer of a half asked that was stored once more, if that was possible.
func (c *Coordinator) ask(w *work) {
	group, _ := w.v.Property(propertyGroup)
	key, _ := w.v.Property(record.PropertyUniqKey)
	topic, queueID, err := address(w.v)
	if err != nil {
		return
	}
	c.o.Ask(Check{Group: string(group), Half: w.ms[0], Topic: topic, QueueID: queueID, UniqueKey: string(key)})
}

// reached notes how far halves and ops are worked off now. It is kept a round later: a
// slave that takes the offsets over before it has the log would pass over halves else.
func (c *Coordinator) reached(end int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := min(c.done.next(0), end)
	c.done.forget()
	c.arrivals.forget(open)
	if c.noting == 0 { // else one may be stored in a chunk that seems not to be needed
		c.ops.forget(open)
	}
	c.point = point{half: open, op: min(c.ops.from(), c.st.MaxOffset(OpTopic, 0)), end: c.st.End()}
}

// commitProgress keeps what the last round has reached, if it is on flash. That a queue
// is at its beginning needs no keeping: it would be a write of a broker that has nothing
// to do.
func (c *Coordinator) commitProgress() {
	if c.point.end == 0 || c.st.Durable() < c.point.end {
		return
	}
	for topic, at := range map[string]int64{HalfTopic: c.point.half, OpTopic: c.point.op} {
		if at > 0 {
			c.st.CommitProgress(topic, 0, at)
		}
	}
}
