package index

import (
	"errors"
	"fmt"
	"math"
	"time"

	"pairmq/store/table"
)

// ErrTooMany means that there are more consumer offsets than the journal holds.
var ErrTooMany = errors.New("index: too many consumer offsets")

// ResetOffset sets the offset of a group for one queue; see ResetOffsets.
func (x *Index) ResetOffset(group, topic string, queueID int32, offset int64) error {
	return x.ResetOffsets([]table.Offset{{Group: group, Topic: topic, QueueID: queueID, Offset: offset}})
}

// ResetOffsets sets offsets, backwards too; durable on return. Their versions
// grow, whatever all says of these, so that a copy elsewhere gives way to them. It
// fails with ErrTooMany if they would be more than the journal holds; some may
// have been set then.
func (x *Index) ResetOffsets(all []table.Offset) error {
	if err := x.Failed(); err != nil {
		return err
	}
	var failed error
	for _, o := range all {
		if failed = x.RewindOffset(o); failed != nil {
			break
		}
	}
	return errors.Join(failed, x.flushOffsets(true))
}

// RewindOffset is ResetOffsets of one in memory alone: the next flush writes it.
func (x *Index) RewindOffset(o table.Offset) error {
	from, err := x.resetSlot(o.Group, o.Topic, o.QueueID, max(o.Offset, 0))
	if err == nil {
		x.log.Debug("consumer offset reset", "group", o.Group, "topic", o.Topic, "queueId", o.QueueID, "from", from, "to", o.Offset)
	}
	return err
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
	s.offset, s.version, s.dirty = offset, nextVersion(s.version, x.opts.Now()), true
	p = o.pair(group, topic)
	o.set(p, s)
	o.note(p)
	return from, nil
}

// nextVersion is the version of an offset that is reset at now: seconds since
// 1970, so that it is newer than one that was forgotten here and not in a copy.
func nextVersion(version uint32, now time.Time) uint32 {
	next := min(int64(version)+1, math.MaxUint32)
	return uint32(max(next, min(now.Unix(), math.MaxUint32)))
}

// MergeOffsets takes over offsets of another store of which this one is a copy:
// one that was reset there since, wherever it is; else one that is later than
// here. Resets are durable on return. It says whether anything is another one now.
func (x *Index) MergeOffsets(all []table.Offset) (changed bool, err error) {
	if err := x.Failed(); err != nil {
		return false, err
	}
	reset := false
	x.offsets.mu.Lock()
	for i := range all {
		moved, back := x.merge(&all[i])
		changed, reset = changed || moved, reset || back
	}
	x.offsets.mu.Unlock()
	if !reset {
		return changed, nil
	}
	return changed, x.flushOffsets(true)
}

// merge takes over one offset and says whether it has changed, and whether by a
// reset. The caller holds offsets.mu.
func (x *Index) merge(m *table.Offset) (changed, reset bool) {
	o := &x.offsets
	p := o.find(m.Group, m.Topic)
	i, found := 0, false
	if p != nil {
		i, found = p.slot(m.QueueID)
	}
	if !found {
		if m.Offset < 0 || !x.room(m.Group, m.Topic) {
			return false, false
		}
		p = o.pair(m.Group, m.Topic)
		o.set(p, slot{queueID: m.QueueID, version: m.Version, offset: m.Offset, dirty: true})
		o.note(p)
		return true, false
	}
	s := &p.slots[i]
	reset = m.Version > s.version && m.Offset >= 0
	if !reset && m.Offset <= s.offset {
		return false, false
	}
	if reset {
		x.log.Debug("consumer offset reset as its original was", "group", m.Group, "topic", m.Topic, "queueId", m.QueueID, "from", s.offset, "to", m.Offset)
		s.version = m.Version
	}
	s.offset, s.dirty = m.Offset, true
	o.note(p)
	return true, reset
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
