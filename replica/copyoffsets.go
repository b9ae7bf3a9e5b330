package replica

import "pairmq/internal/remoting"

// copyOffsets takes over the consumer offsets of an answer to 43 that are later
// than those here, or that a master of ours has reset since. RocketMQ's slaves
// take over all of them, and so give back what consumers committed at a slave
// while its master was away.
func (c *Copier) copyOffsets(s *copyStep, resp *remoting.Command) error {
	e, err := decodeOffsets(resp.Body, c.opts.MaxOffsets)
	if err != nil {
		return err
	}
	c.left(s, e.refused, e.why)
	return c.opts.Metadata.MergeOffsets(e.list)
}
