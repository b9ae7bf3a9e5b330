package transaction

import (
	"context"
	"fmt"

	"pairmq/store"
	"pairmq/store/record"
)

// load reads from the log which halves are open.
func (c *Coordinator) load(ctx context.Context) error {
	first, err := c.progress(HalfTopic)
	if err != nil {
		return err
	}
	from, err := c.progress(OpTopic)
	if err != nil {
		return err
	}
	end := c.st.MaxOffset(HalfTopic, 0)
	done, ops, asked, owed := newWindow(first), newOpProgress(from), map[int64]int64{}, map[int64][]int64{}
	err = c.each(ctx, OpTopic, from, func(v *record.View) {
		for half := range decodeOp(v.Body()) {
			if half < end {
				done.set(half)
				ops.note(v.QueueOffset(), half)
			}
		}
	}, nil)
	if err != nil {
		return err
	}
	apaches := repeated{}
	err = c.each(ctx, HalfTopic, first, func(v *record.View) {
		h := parseHalf(v, c.o.Timeout)
		if h.offset >= end || done.has(h.offset) {
			return
		}
		if h.offset == h.origin {
			if older, ok := apaches.older(v, &h); ok {
				done.set(older)
				owed[h.offset] = append(owed[older], older)
				delete(owed, older)
			}
			return
		}
		older, ok := asked[h.origin]
		if !ok {
			older = h.origin
		}
		if !done.has(older) { // a power cut came before its op
			done.set(older)
			owed[h.origin] = append(owed[h.origin], older)
		}
		asked[h.origin] = h.offset
	}, done.next)
	if err != nil {
		return err
	}
	c.arrivals.note(sample{end, c.up()})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loaded, c.known, c.done, c.ops, c.asked, c.owed = true, end, done, ops, asked, owed
	return nil
}

// progress returns where a queue has to be worked off from.
func (c *Coordinator) progress(topic string) (int64, error) {
	at, ok := c.st.Progress(topic, 0)
	if end := c.st.MaxOffset(topic, 0); ok && at > end { // else what is stored next would be passed over
		c.log.Warn("transactions were worked off beyond the end of their queue", "topic", topic, "queueOffset", at, "maxOffset", end)
		if err := c.st.ResetProgress(topic, 0, end); err != nil {
			return 0, err
		}
		at = end
	}
	return max(at, c.st.MinOffset(topic, 0)), nil
}

// Bounds of what is read at a time.
const (
	batch      = 32
	batchBytes = 256 << 10
)

// each calls f for the records of a queue from an offset on to its present end, those
// that can be read; next, if not nil, says which offset is the first to look at.
func (c *Coordinator) each(ctx context.Context, topic string, at int64, f func(*record.View), next func(int64) int64) error {
	for end := c.st.MaxOffset(topic, 0); ctx.Err() == nil; {
		if next != nil {
			at = next(at)
		}
		if at >= end {
			return nil
		}
		to, err := c.read(topic, at, f)
		if err != nil {
			return err
		}
		if to <= at {
			return nil
		}
		at = to
	}
	return ctx.Err()
}

// read calls f for some records of a queue from an offset on, and returns where to go
// on; the offset itself if there is nothing.
func (c *Coordinator) read(topic string, at int64, f func(*record.View)) (next int64, err error) {
	res, err := c.st.Get(topic, 0, at, batch, batchBytes, nil)
	if err != nil {
		return at, fmt.Errorf("transaction: read %s from queue offset %d on: %w", topic, at, err)
	}
	defer res.Release()
	if res.Status != store.Found {
		if res.Status == store.OffsetOverflowBadly {
			return at, nil
		}
		if first := c.st.MinOffset(topic, 0); first > at { // given back meanwhile: what is behind may be there
			return first, nil
		}
		if res.Status == store.MessageWasRemoving { // this one is lost; of what follows it is not said
			return at + 1, nil
		}
		return max(at, res.NextBeginOffset), nil
	}
	for body := res.Body; len(body) > 0; {
		v, err := record.Parse(body, record.Limits{Record: len(body)})
		if err != nil {
			return at, fmt.Errorf("transaction: %s from queue offset %d on: %w", topic, at, err)
		}
		f(&v)
		body = body[v.Size():]
	}
	return res.NextBeginOffset, nil
}
