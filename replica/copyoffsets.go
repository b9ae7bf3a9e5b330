package replica

import "pairmq/internal/remoting"

// copyOffsets takes over the consumer offsets of an answer to 43 that are later
// than those here. RocketMQ's slaves take over all of them, and so give back
// what consumers committed at a slave while its master was away.
func (c *Copier) copyOffsets(s *copyStep, resp *remoting.Command) error {
	e, err := decodeOffsets(resp.Body, c.opts.MaxOffsets)
	if err != nil {
		return err
	}
	c.left(s, e.refused, e.why)
	for _, o := range e.list {
		// A commit between the two calls does no harm: CommitOffset looks again.
		if have, ok := c.opts.Metadata.Offset(o.group, o.topic, o.queueID); !ok || o.offset > have {
			c.opts.Metadata.CommitOffset(o.group, o.topic, o.queueID, o.offset)
		}
	}
	return nil
}

// copyDelayOffsets notes the delay offsets of an answer to 45.
func (c *Copier) copyDelayOffsets(_ *copyStep, resp *remoting.Command) error {
	all, err := decodeDelayOffsets(resp.Body)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = all
	return nil
}
