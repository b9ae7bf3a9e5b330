package pop

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pairmq/store/index"
)

// keepPeriod is how often what has changed is kept: as old as this an acknowledgement
// may be that a power cut takes back.
const keepPeriod = 30 * time.Second

// Clear forgets what a Service kept in st, durably: the log of a slave may become
// another one, in which the same offsets are other messages.
func Clear(st interface {
	Notes() (map[string][]byte, error)
	SetNotes(map[string][]byte) error
}) error {
	notes, err := st.Notes()
	if err != nil {
		return fmt.Errorf("pop: %w", err)
	}
	gone := map[string][]byte{}
	for key := range notes {
		if strings.HasPrefix(key, notePrefix) {
			gone[key] = nil
		}
	}
	return st.SetNotes(gone)
}

// load takes over what was kept.
func (s *Service) load() error {
	notes, err := s.st.Notes()
	if err != nil {
		return fmt.Errorf("pop: %w", err)
	}
	wrong := map[string][]byte{}
	deleted, offsets := s.st.Deleted(), s.st.AllOffsets()
	for key, b := range notes {
		if !strings.HasPrefix(key, notePrefix) {
			continue
		}
		k, ok := parseKey(key)
		n, err := decodeNote(b)
		if !ok || err != nil || n.deleted != deleted[k.topic] || n.version != versionOf(offsets, k) {
			wrong[key] = nil
			continue
		}
		if end := s.st.MaxOffset(k.topic, k.queueID); n.next > end { // what comes there next is another message
			n.next = end
			for len(n.flights) > 0 && n.flights[len(n.flights)-1].offset >= end {
				n.flights = n.flights[:len(n.flights)-1]
			}
			n.round = nil // what it has is at next or behind it
			wrong[key] = n.append(nil)
		} else if n.round != nil && n.round.to > end {
			n.round.to = end
			for len(n.round.took) > 0 && n.round.took[len(n.round.took)-1].offset >= end {
				n.round.took = n.round.took[:len(n.round.took)-1]
			}
			if len(n.round.took) == 0 {
				n.round = nil
			}
			wrong[key] = n.append(nil)
		}
		s.restore(k, &n)
	}
	return s.st.SetNotes(wrong)
}

// restore begins a queue with its note.
func (s *Service) restore(k queueKey, n *note) {
	q := &queue{queueKey: k, begun: true, next: n.next, note: noteFull}
	if len(n.flights) == 0 && n.round == nil {
		q.note = noteEmpty
	}
	s.queues[k] = q
	passed := s.o.Wall() - n.kept
	if passed < 0 {
		passed = never // the clock was set back: no later than its time is at once
	}
	for _, f := range n.flights {
		s.take(q, f.offset, f.popTime, f.invisible, max(f.left-passed, 0))
	}
	if n.round != nil {
		q.round = n.round
		q.round.alarm = &flight{queue: q, at: -1}
		for i := range q.round.took {
			m := &q.round.took[i]
			m.due = s.up() + max(m.due-passed, 0)
		}
		s.count += len(q.round.took)
		s.ring(q)
	}
	s.catchUp(q)
}

func versionOf(all map[string][]index.GroupOffset, k queueKey) int64 {
	for _, o := range all[k.group] {
		if o.Topic == k.topic && o.QueueID == k.queueID {
			return int64(o.Version)
		}
	}
	return 0
}

// change notes that q is to be kept. s.mu is held.
func (s *Service) change(q *queue) {
	if q.changed {
		return
	}
	q.changed = true
	s.changed = append(s.changed, q)
	if s.keepAt == never {
		s.keepAt = s.up() + keepPeriod.Milliseconds()
		s.sooner(s.keepAt)
	}
}

// Keep keeps what has changed. Where it fails the store has failed, and says so itself.
// Run does that too: call it once more when Run has ended and no request comes any more.
func (s *Service) Keep() {
	deleted, offsets := s.st.Deleted(), s.st.AllOffsets()
	s.mu.Lock()
	changed := s.changed
	s.changed, s.keepAt = nil, never
	notes := map[string][]byte{}
	up, wall := s.up(), s.o.Wall()
	for _, q := range changed {
		q.changed = false
		if s.queues[q.queueKey] != q || len(q.flights) == 0 && q.round == nil && q.note != noteFull {
			continue // forgotten, or the consumer offset says it all
		}
		n := note{next: q.next, version: versionOf(offsets, q.queueKey), deleted: deleted[q.topic], kept: max(wall, 0)}
		q.note = noteEmpty
		for _, f := range q.flights {
			n.flights = append(n.flights, noted{f.offset, max(f.popTime, 0), f.invisible, max(f.due-up, 0)})
			q.note = noteFull
		}
		if q.round != nil {
			o := round{attempt: q.round.attempt, popTime: max(q.round.popTime, 0), to: q.round.to, took: slices.Clone(q.round.took)}
			for i := range o.took {
				o.took[i].due = max(o.took[i].due-up, 0)
			}
			n.round, q.note = &o, noteFull
		}
		notes[noteKey(q.queueKey)] = n.append(nil)
	}
	s.mu.Unlock()
	if err := s.st.SetNotes(notes); err != nil {
		s.log.Error("what was popped could not be kept: after a restart messages come again", "queues", len(notes), "err", err)
	}
}
