package replica

import (
	"maps"
	"slices"

	"pairmq/internal/remoting"
)

// scheduleTopic is where delayed messages wait, those of level n in queue n-1.
const scheduleTopic = "SCHEDULE_TOPIC_XXXX"

// halfTopic has halves of transactions, and opTopic says which of them are decided.
const (
	halfTopic = "RMQ_SYS_TRANS_HALF_TOPIC"
	opTopic   = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
)

// copyDelayOffsets takes over how far delayed messages were delivered and transactions
// worked off, an answer to 45, so that they go on from there when the slave has become
// master. Of a master of ours that counts only once the log is here that has what was
// delivered: it would be lost otherwise if the slave became master now. Apache's do not
// say: of transactions nothing is taken from them. Those of another log than this slave's
// say nothing.
func (c *Copier) copyDelayOffsets(_ *copyStep, resp *remoting.Command) error {
	d, err := decodeDelayOffsets(resp.Body)
	if err != nil {
		return err
	}
	if c.delay.phyOffset <= c.opts.Metadata.Durable() { // else the older one is waited for: a newer one may never be reached
		c.takeDelays()
		c.delay = d
	}
	c.takeDelays()
	return nil
}

// takeDelays notes the delay offsets of which the log is here.
func (c *Copier) takeDelays() {
	if c.delay.phyOffset > c.opts.Metadata.Durable() || !c.opts.SameLog() {
		return
	}
	for _, level := range slices.Sorted(maps.Keys(c.delay.offsets)) {
		c.opts.Metadata.CommitProgress(scheduleTopic, level-1, c.delay.offsets[level])
	}
	if at := c.delay.transactions; at != nil {
		c.opts.Metadata.CommitProgress(halfTopic, 0, at[0])
		c.opts.Metadata.CommitProgress(opTopic, 0, at[1])
	}
	c.delay.offsets, c.delay.transactions = nil, nil
}
