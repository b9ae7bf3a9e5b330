package transaction

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
)

// A Decision is what a producer says of a half.
type Decision struct {
	Group       string // the producer's
	QueueOffset int64  // of the half
	PhyOffset   int64  // of the half, bytes
	Commit      bool   // else it is rolled back
	// May, if set, fails if the half of that topic is not the sender's to end; End
	// fails with that error.
	May func(topic string) error
}

// End does what a producer has decided. done is called once, when the delivery and its
// op are stored as the flush policy promises, or with the error of the store; before
// End returns where nothing has to be stored. It is not called if End fails, with one of
// this package's errors or the store's: then nothing has changed.
//
// A decision that is repeated changes nothing. It fails with ErrEnded if the log
// shows that the half has ended otherwise, or does not show that it was delivered.
func (c *Coordinator) End(d Decision, done func(error)) error {
	v, err := c.find(&d)
	if err != nil {
		return err
	}
	h := parseHalf(v, c.o.Timeout)
	c.mu.Lock()
	if !c.loaded {
		c.mu.Unlock()
		return ErrNotReady
	}
	if e := c.busy[h.origin]; e != nil {
		defer c.mu.Unlock()
		return c.wait(e, d, done)
	}
	at, open := c.current(&h)
	if open {
		c.claim(&h)
	}
	before := h.origin < c.known
	c.mu.Unlock()
	if !open {
		return c.repeat(v, &d, done)
	}
	if before && c.wasDelivered(v) {
		return c.note(&h, at, &d, done)
	}
	if d.Commit {
		err = c.commit(v, &h, at, done)
	} else {
		err = c.rollback(&h, at, done)
	}
	if err != nil {
		c.release(&h, nil)
	}
	return err
}

// find returns the half that a decision is for: a record of its queue, since bytes that
// look like one may be in any message's body.
func (c *Coordinator) find(d *Decision) (*record.View, error) {
	v, err := c.recordAt(d.PhyOffset)
	if err != nil {
		return nil, err
	}
	group, _ := v.Property(propertyGroup)
	switch {
	case string(v.Topic()) != HalfTopic || v.QueueID() != 0:
		return nil, fmt.Errorf("%w at offset %d", ErrNoHalf, d.PhyOffset)
	case string(group) != d.Group:
		return nil, fmt.Errorf("%w: %.255s", ErrGroup, d.Group)
	case v.QueueOffset() != d.QueueOffset:
		return nil, fmt.Errorf("%w: %d, and not %d", ErrOffset, d.QueueOffset, v.QueueOffset())
	case !c.isQueued(v):
		return nil, fmt.Errorf("%w at offset %d: it is in the body of another message", ErrNoHalf, d.PhyOffset)
	}
	if d.May != nil {
		topic, _ := v.Property(propertyRealTopic)
		if err := d.May(string(topic)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// recordAt returns the record at an offset in bytes, with ErrNoHalf if there is none.
func (c *Coordinator) recordAt(at int64) (*record.View, error) {
	rec, err := c.st.RecordAt(at)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", ErrNoHalf, err)
	}
	if err != nil {
		return nil, err
	}
	v, err := record.Parse(rec, record.Limits{Record: len(rec)})
	if err != nil {
		return nil, fmt.Errorf("%w: offset %d: %w", ErrNoHalf, at, err)
	}
	return &v, nil
}

// isQueued says whether v is the record of its queue that it says it is.
func (c *Coordinator) isQueued(v *record.View) bool {
	var u [1]index.Unit
	return c.st.Units(string(v.Topic()), v.QueueID(), v.QueueOffset(), u[:]) == 1 && u[0].PhyOffset == v.PhyOffset()
}

// wait has a decision go on when another one of the same half is stored. c.mu is held.
func (c *Coordinator) wait(e *ending, d Decision, done func(error)) error {
	if len(e.waiting) == maxWaiting || c.queued == maxAgain {
		return ErrBusy
	}
	c.queued++
	e.waiting = append(e.waiting, waiting{d, done})
	return nil
}

// repeat answers the decision of a half that is not open any more.
func (c *Coordinator) repeat(v *record.View, d *Decision, done func(error)) error {
	if c.wasDelivered(v) != d.Commit {
		return ErrEnded
	}
	done(nil)
	return nil
}

// note stores the op that is missing of a half that was delivered before the start.
func (c *Coordinator) note(h *half, at int64, d *Decision, done func(error)) error {
	err := c.putOp(h, at, func(err error) {
		c.release(h, func() { c.close(h, at) })
		if err == nil && !d.Commit {
			err = ErrEnded
		}
		done(err)
	})
	if err != nil {
		c.release(h, nil)
	}
	return err
}

// commit stores the message of a half and the op for it: both at once, so that one sync
// is for both, and in this order, so that no op is in a log without the message.
func (c *Coordinator) commit(v *record.View, h *half, at int64, done func(error)) error {
	m, err := delivered(v)
	if err != nil {
		return err
	}
	var errs [2]error
	var left atomic.Int32
	left.Store(2)
	came := func() {
		if left.Add(-1) > 0 {
			return
		}
		var change func()
		if stored(errs[0]) {
			change = func() { c.close(h, at) } // without an op too: the UNIQ_KEY is found
		}
		c.release(h, change)
		if errs[0] == nil {
			errs[0] = errs[1]
		}
		done(errs[0])
	}
	if err := c.st.Put([]record.Message{m}, func(err error) { errs[0] = err; came() }); err != nil {
		return err
	}
	if err := c.putOp(h, at, func(err error) { errs[1] = err; came() }); err != nil {
		errs[1] = err
		came()
	}
	return nil
}

// rollback stores the op alone.
func (c *Coordinator) rollback(h *half, at int64, done func(error)) error {
	return c.putOp(h, at, func(err error) {
		var change func()
		if stored(err) {
			change = func() { c.close(h, at) }
		}
		c.release(h, change)
		done(err)
	})
}

// candidates is how many records with the hash of a key are looked at.
const candidates = 64

// beside is by how much a delivery may have an earlier store timestamp than the
// incarnation of the half at hand, which was stored while it was decided.
const beside = time.Minute

// wasDelivered says whether the log has what a half becomes when it is committed. Of
// one without a UNIQ_KEY that cannot be known.
func (c *Coordinator) wasDelivered(v *record.View) bool {
	key, ok := v.Property(record.PropertyUniqKey)
	topic, _, err := address(v)
	if !ok || err != nil {
		return false
	}
	for _, at := range c.st.FindUnique(topic, string(key), v.StoreTimestamp()-beside.Milliseconds(), candidates) {
		rec, err := c.st.RecordAt(at)
		if err != nil {
			continue // given back, or damaged
		}
		if found, err := record.Parse(rec, record.Limits{Record: len(rec)}); err == nil && same(&found, v) {
			return true
		}
	}
	return false
}
