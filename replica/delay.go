package replica

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"time"

	"pairmq/internal/remoting"
)

// DelayKey is the key of the value that says how far a slave's master was with
// delayed messages: as the body of an answer to GET_ALL_DELAY_OFFSET, 45, so that
// it can be that where the slave has become master.
const DelayKey = "delayOffsets"

// delayPeriod is how often they are kept at most: they change all the time where
// messages are delayed, and each time is a commit.
const delayPeriod = time.Minute

// copyDelayOffsets takes over the delay offsets of an answer to 45. A master that
// has none changes nothing: it may be one of ours, which delivers no delayed
// messages.
func (c *Copier) copyDelayOffsets(_ *copyStep, resp *remoting.Command) error {
	all, err := decodeDelayOffsets(resp.Body)
	if err != nil || len(all) == 0 {
		return err
	}
	c.delay = appendDelayOffsets(nil, all)
	if !c.kept.IsZero() && time.Since(c.kept) < delayPeriod {
		return nil
	}
	return c.keepDelay()
}

// keepLast keeps them at the end of Run: this slave may be master next.
func (c *Copier) keepLast() {
	if err := c.keepDelay(); err != nil {
		c.log.Warn("delay offsets were not kept", "err", err)
	}
}

// keepDelay keeps the delay offsets that were copied last.
func (c *Copier) keepDelay() error {
	if c.delay == nil || bytes.Equal(c.delay, c.opts.Metadata.Value(DelayKey)) {
		return nil
	}
	c.kept = time.Now()
	return c.opts.Metadata.SetValue(DelayKey, c.delay)
}

// appendDelayOffsets appends what decodeDelayOffsets reads, as RocketMQ writes it.
func appendDelayOffsets(dst []byte, all map[int32]int64) []byte {
	dst = append(dst, `{"offsetTable":{`...)
	for i, level := range slices.Sorted(maps.Keys(all)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(level), 10)
		dst = strconv.AppendInt(append(dst, ':'), all[level], 10)
	}
	return append(dst, "}}"...)
}
