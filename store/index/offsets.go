package index

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
)

// offsets are the consumer offsets: in memory, in the journal after a few
// seconds, in the file with each chunk.
type offsets struct {
	journal journal

	mu       sync.RWMutex
	groups   map[string]map[string]*pair // group → topic
	size     int                         // bytes of a snapshot
	full     bool                        // said so in the log
	unsaved  bool                        // the journal may not have all of it: it needs a snapshot
	dirty    []*pair                     // with slots that the journal does not have
	forgets  []forget                    // that the journal does not have
	changed  []*pair                     // that the file does not have
	dropped  []forget                    // that the file does not have
	folded   int64                       // sequence of the last batch in the file, at Open
	replaced bool                        // the file's offsets are out of date altogether
}

// A pair is a group's offsets in one topic.
type pair struct {
	group, topic   string
	slots          []slot // by queue
	number         uint32 // in the journal's lap
	lap            uint64
	dirty, changed bool // is in offsets.dirty, in offsets.changed
	gone           bool
}

// A slot is the offset for one queue.
type slot struct {
	queueID int32
	version uint32 // grows with each reset, see nextVersion
	offset  int64
	dirty   bool
}

// GroupOffset is the queue offset at which a group goes on in one queue.
type GroupOffset struct {
	Topic   string
	QueueID int32
	Offset  int64
	Version uint32 // grows with each reset; 0 if there was none. Of two copies, the greater one counts
}

const maxName = math.MaxUint16 // bytes; the journal's length fields hold no more

func (o *offsets) reset() {
	o.groups = map[string]map[string]*pair{}
	o.size = batchHeader
	o.dirty, o.forgets, o.changed, o.dropped, o.replaced = nil, nil, nil, nil, false
}

// defineSize is what a pair takes in a snapshot, besides its offsets.
func defineSize(group, topic string) int { return 1 + 4 + 2 + len(group) + 2 + len(topic) }

func (o *offsets) find(group, topic string) *pair { return o.groups[group][topic] }

// pair finds or makes the offsets of a group in a topic.
func (o *offsets) pair(group, topic string) *pair {
	if p := o.find(group, topic); p != nil {
		return p
	}
	p := &pair{group: strings.Clone(group), topic: strings.Clone(topic)}
	if o.groups[p.group] == nil {
		o.groups[p.group] = map[string]*pair{}
	}
	o.groups[p.group][p.topic] = p
	o.size += defineSize(group, topic)
	return p
}

// slot finds the queue's slot, or where it belongs.
func (p *pair) slot(queueID int32) (int, bool) {
	return slices.BinarySearchFunc(p.slots, queueID, func(s slot, id int32) int { return cmp.Compare(s.queueID, id) })
}

// set puts s into p.
func (o *offsets) set(p *pair, s slot) {
	i, ok := p.slot(s.queueID)
	if !ok {
		p.slots = slices.Insert(p.slots, i, s)
		o.size += offsetEntrySize
	}
	p.slots[i] = s
}

// note marks p as having a dirty slot.
func (o *offsets) note(p *pair) {
	if !p.dirty {
		p.dirty = true
		o.dirty = append(o.dirty, p)
	}
	o.noteChanged(p)
}

func (o *offsets) noteChanged(p *pair) {
	if !p.changed {
		p.changed = true
		o.changed = append(o.changed, p)
	}
}

// room says whether one more offset fits in a snapshot.
func (x *Index) room(group, topic string) bool {
	o := &x.offsets
	need := o.size + defineSize(group, topic) + offsetEntrySize
	if len(group) <= maxName && len(topic) <= maxName && int64(need)+pageSize <= o.journal.half {
		if int64(need)+16*pageSize <= o.journal.half { // not at once: names of other lengths would have it said again and again
			o.full = false
		}
		return true
	}
	if !o.full {
		o.full = true
		x.log.Warn("too many consumer offsets; further ones are not kept", "bytes", o.size, "limit", o.journal.half)
	}
	return false
}

// CommitOffset notes where a group goes on in a queue: in memory on return, in
// the journal with the next FlushOffsets. An offset below the present one is
// ignored: only ResetOffset goes back. So is one for a further queue when there
// are more offsets than the journal holds. It says whether the offset is another one now.
func (x *Index) CommitOffset(group, topic string, queueID int32, offset int64) (changed bool) {
	o := &x.offsets
	o.mu.Lock()
	defer o.mu.Unlock()
	s := slot{queueID: queueID}
	p := o.find(group, topic)
	if p != nil {
		if i, ok := p.slot(queueID); ok {
			s = p.slots[i]
			if offset < s.offset {
				x.log.Debug("commit of an earlier consumer offset is ignored", "group", group, "topic", topic,
					"queueId", queueID, "queueOffset", offset, "committed", s.offset)
			}
			if offset <= s.offset {
				return false
			}
			s.offset, s.dirty = offset, true
			p.slots[i] = s
			o.note(p)
			return true
		}
	}
	if offset < 0 || !x.room(group, topic) {
		return false
	}
	p = o.pair(group, topic)
	s.offset, s.dirty = offset, true
	o.set(p, s)
	o.note(p)
	return true
}

// Offset returns the queue offset that the group committed last.
func (x *Index) Offset(group, topic string, queueID int32) (int64, bool) {
	o := &x.offsets
	o.mu.RLock()
	defer o.mu.RUnlock()
	if p := o.find(group, topic); p != nil {
		if i, ok := p.slot(queueID); ok {
			return p.slots[i].offset, true
		}
	}
	return 0, false
}

// Offsets returns all that a group committed, by topic and queue.
func (x *Index) Offsets(group string) []GroupOffset {
	x.offsets.mu.RLock()
	defer x.offsets.mu.RUnlock()
	return x.offsets.list(group)
}

// AllOffsets returns what every group committed.
func (x *Index) AllOffsets() map[string][]GroupOffset {
	o := &x.offsets
	o.mu.RLock()
	defer o.mu.RUnlock()
	all := make(map[string][]GroupOffset, len(o.groups))
	for group := range o.groups {
		all[group] = o.list(group)
	}
	return all
}

func (o *offsets) list(group string) []GroupOffset {
	var list []GroupOffset
	for _, topic := range slices.Sorted(maps.Keys(o.groups[group])) {
		p := o.groups[group][topic]
		for _, s := range p.slots {
			list = append(list, GroupOffset{Topic: p.topic, QueueID: s.queueID, Offset: s.offset, Version: s.version})
		}
	}
	return list
}
