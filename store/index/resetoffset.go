package index

import (
	"errors"
	"fmt"
)

// ErrTooMany means that there are more consumer offsets than the journal holds.
var ErrTooMany = errors.New("index: too many consumer offsets")

// ResetOffset sets the offset of a group for one queue, backwards too; durable
// on return. Its version grows, so that a copy elsewhere gives way to it. It
// fails with ErrTooMany if it would be one offset more than the journal holds.
func (x *Index) ResetOffset(group, topic string, queueID int32, offset int64) error {
	if err := x.Failed(); err != nil {
		return err
	}
	from, err := x.resetSlot(group, topic, queueID, max(offset, 0))
	if err != nil {
		return err
	}
	x.log.Info("consumer offset reset", "group", group, "topic", topic, "queueId", queueID, "from", from, "to", offset)
	return x.flushOffsets(true)
}

func (x *Index) resetSlot(group, topic string, queueID int32, offset int64) (from int64, err error) {
	o := &x.offsets
	o.mu.Lock()
	defer o.mu.Unlock()
	s := slot{queueID: queueID}
	p := o.find(group, topic)
	found := false
	if p != nil {
		var i int
		if i, found = p.slot(queueID); found {
			s = p.slots[i]
		}
	}
	if !found && !x.room(group, topic) {
		return 0, fmt.Errorf("%w: group %s, topic %s", ErrTooMany, group, topic)
	}
	from = s.offset
	s.offset, s.version, s.dirty = offset, s.version+1, true
	p = o.pair(group, topic)
	o.set(p, s)
	o.note(p)
	return from, nil
}

// DeleteOffsets forgets all that a group committed; durable on return.
func (x *Index) DeleteOffsets(group string) error {
	return x.forgetOffsets(forget{group: group})
}

// forgetOffsets forgets a group's offsets, or those of all groups for a topic.
func (x *Index) forgetOffsets(f forget) error {
	if err := x.Failed(); err != nil {
		return err
	}
	x.offsets.mu.Lock()
	found := x.offsets.drop(f)
	if found {
		x.offsets.forgets = append(x.offsets.forgets, f)
	}
	x.offsets.mu.Unlock()
	if !found {
		return nil
	}
	return x.flushOffsets(true)
}

// drop removes from memory what f means, and has it removed from the file.
func (o *offsets) drop(f forget) (found bool) {
	for group, topics := range o.groups {
		if f.group != "" && group != f.group {
			continue
		}
		for topic, p := range topics {
			if f.topic != "" && topic != f.topic {
				continue
			}
			found, p.gone = true, true
			o.size -= defineSize(group, topic) + len(p.slots)*offsetEntrySize
			delete(topics, topic)
		}
		if len(topics) == 0 {
			delete(o.groups, group)
		}
	}
	if found {
		o.dropped = append(o.dropped, f)
	}
	return found
}

// ClampOffsets brings every offset into the bounds of its queue and returns how
// many it changed; each is logged. For the start, and after the log was cut: an
// offset beyond the end would make its group skip what is stored there next.
func (x *Index) ClampOffsets() (changed int) {
	for group, list := range x.AllOffsets() {
		for _, g := range list {
			first, end, _ := x.Bounds(g.Topic, g.QueueID)
			if to := min(max(g.Offset, first), end); to != g.Offset && x.clamp(group, g, to) {
				x.log.Warn("consumer offset brought into its queue", "group", group, "topic", g.Topic, "queueId", g.QueueID,
					"from", g.Offset, "to", to, "minOffset", first, "maxOffset", end)
				changed++
			}
		}
	}
	return changed
}

// clamp sets an offset if it is still as g says.
func (x *Index) clamp(group string, g GroupOffset, to int64) bool {
	o := &x.offsets
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.find(group, g.Topic)
	if p == nil {
		return false
	}
	i, ok := p.slot(g.QueueID)
	if !ok || p.slots[i].offset != g.Offset {
		return false
	}
	p.slots[i].offset, p.slots[i].dirty = to, true
	o.note(p)
	return true
}

// close closes the journal.
func (o *offsets) close() error {
	if o.journal.f == nil {
		return nil
	}
	return o.journal.f.Close()
}
