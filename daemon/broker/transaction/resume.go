package transaction

import (
	"fmt"

	"pairmq/store/record"
)

// Resume has a half that was given up be open once more; its record is in GivenUpTopic, at
// an offset in bytes. As with RocketMQ that is a new half, whose producer was never asked.
// done is called once, when it is stored as the flush policy promises or with the error of
// the store. It is not called if Resume fails: with ErrNoHalf if nothing that was given up
// is there, with ErrAddress, with ErrEnded if it was resumed before, with ErrBusy if it is
// being resumed, or with an error of the store.
func (c *Coordinator) Resume(at int64, done func(error)) error {
	v, err := c.givenUp(at)
	if err != nil {
		return err
	}
	if err := c.Room(); err != nil {
		return err
	}
	if !c.claimResume(at) {
		return fmt.Errorf("%w: the half of offset %d is being resumed", ErrBusy, at)
	}
	if c.wasResumed(v) {
		c.releaseResume(at)
		return fmt.Errorf("%w: the half of offset %d was resumed before", ErrEnded, at)
	}
	err = c.st.Put([]record.Message{resumed(v)}, func(err error) {
		c.releaseResume(at)
		done(err)
	})
	if err != nil {
		c.releaseResume(at)
	}
	return err
}

// claimResume says whether nobody else resumes a half: until it is stored the log does not
// show it.
func (c *Coordinator) claimResume(at int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, taken := c.resuming[at]
	c.resuming[at] = struct{}{}
	return !taken
}

func (c *Coordinator) releaseResume(at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.resuming, at)
}

// givenUp returns the record at an offset, of a half that was given up.
func (c *Coordinator) givenUp(at int64) (*record.View, error) {
	v, err := c.recordAt(at)
	if err != nil {
		return nil, err
	}
	if string(v.Topic()) != GivenUpTopic || !c.isQueued(v) {
		return nil, fmt.Errorf("%w at offset %d: nothing that was given up", ErrNoHalf, at)
	}
	if _, _, err := address(v); err != nil {
		return nil, err
	}
	return v, nil
}

// wasResumed says whether the log has, behind a half that was given up, one that this
// became: who asks twice, since no answer came, must not have two. Of one without a
// UNIQ_KEY that cannot be known.
func (c *Coordinator) wasResumed(v *record.View) bool {
	key, ok := v.Property(record.PropertyUniqKey)
	if !ok {
		return false
	}
	for _, at := range c.st.FindUnique(HalfTopic, string(key), v.StoreTimestamp(), candidates) {
		rec, err := c.st.RecordAt(at)
		if err != nil || at < v.PhyOffset() {
			continue
		}
		found, err := record.Parse(rec, record.Limits{Record: len(rec)})
		if err != nil {
			continue
		}
		if got, _ := found.Property(record.PropertyUniqKey); string(got) == string(key) && string(found.Topic()) == HalfTopic {
			return true
		}
	}
	return false
}
