package check

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A Violation is something that must not be.
type Violation struct {
	Rule string // C1 to C10
	Text string
}

func (v Violation) String() string { return v.Rule + ": " + v.Text }

// A Summary counts what was found, none of it wrong.
type Summary struct {
	Sent, OK, Stored, Unknown, Refused int // attempts
	Delivered, Duplicates              int // messages given to consumers; that lie more than once in the log
	Quarantined                        int // answered OK, left behind by a promotion, set aside
	Vanished                           int // delivered, and set aside later in the same way
}

// Bounds are what the pair must keep to.
type Bounds struct {
	Heal  time.Duration
	RSS   int64 // bytes
	Files int
}

// Check judges a run by its history and the logs of both brokers.
func Check(h History, a, b Log, bounds Bounds) (Summary, []Violation) {
	c := &checker{h: h, bounds: bounds}
	c.prepare(a, b)
	c.logs(a, b)
	c.sends()
	c.queues()
	c.deliveries()
	c.commits()
	c.order()
	c.final()
	return c.sum, c.found
}

// A checker is one Check.
type checker struct {
	h      History
	bounds Bounds
	sum    Summary
	found  []Violation

	log      Log // that of the master
	aside    map[int64]bool
	forced   bool // a slave was made master without its master's help
	byPhy    map[int64]Record
	byQueue  map[int32]map[int64]int64 // queue offset to id
	copies   map[int64]int             // of each id in the log
	attempts map[int64][]Send
	taken    map[place]int64 // the least queue offset at which a consumer was given what a promotion took away
}

// A place is where one consumer takes messages from.
type place struct {
	consumer int
	queue    int32
}

func (c *checker) violate(rule, format string, args ...any) {
	c.found = append(c.found, Violation{rule, fmt.Sprintf(format, args...)})
}

func (c *checker) prepare(a, b Log) {
	c.log = a
	if b.Master && !a.Master {
		c.log = b
	}
	c.aside = map[int64]bool{}
	for _, l := range []Log{a, b} {
		for id := range l.Aside {
			c.aside[id] = true
		}
	}
	for _, e := range c.h.Events {
		c.forced = c.forced || e.Kind == Promoted
	}
	c.byPhy, c.byQueue, c.copies, c.attempts, c.taken = map[int64]Record{}, map[int32]map[int64]int64{}, map[int64]int{}, map[int64][]Send{}, map[place]int64{}
	for _, r := range c.log.Records {
		c.byPhy[r.PhyOffset] = r
		if c.byQueue[r.Queue] == nil {
			c.byQueue[r.Queue] = map[int64]int64{}
		}
		c.byQueue[r.Queue][r.QueueOffset] = r.ID
		c.copies[r.ID]++
	}
	for _, s := range c.h.Sends {
		c.attempts[s.ID] = append(c.attempts[s.ID], s)
	}
}

// logs: C3 and C4.
func (c *checker) logs(a, b Log) {
	for _, l := range []Log{a, b} {
		for _, f := range l.Faults {
			c.violate("C3", "broker %s: %s", l.Broker, f)
		}
	}
	if a.end() != b.end() {
		c.violate("C4", "broker %s has log up to %d, %s up to %d", a.Broker, a.end(), b.Broker, b.end())
	}
	from := max(a.Start, b.Start)
	ours, theirs := a.Bytes[min(from-a.Start, int64(len(a.Bytes))):], b.Bytes[min(from-b.Start, int64(len(b.Bytes))):]
	n := min(len(ours), len(theirs))
	if !bytes.Equal(ours[:n], theirs[:n]) {
		at := 0
		for ours[at] == theirs[at] {
			at++
		}
		c.violate("C4", "the logs differ at %d", from+int64(at))
	}
}

// sends: C1, C2 and C8.
func (c *checker) sends() {
	for _, s := range c.h.Sends {
		c.sum.Sent++
		switch s.Status {
		case OK:
			c.sum.OK++
			c.promised(s)
		case Refused:
			c.sum.Refused++
		case Stored:
			c.sum.Stored++
		default:
			c.sum.Unknown++
		}
	}
	for id, n := range c.copies {
		unsure, ok := 0, 0
		for _, s := range c.attempts[id] {
			switch s.Status {
			case OK:
				ok++
			case Stored, Unknown:
				unsure++
			}
		}
		switch {
		case id < 0 || len(c.attempts[id]) == 0:
			c.violate("C2", "%d records of message %d, which nobody sent", n, id)
		case ok+unsure == 0:
			c.violate("C2", "message %d is in the log although every attempt to send it was refused", id)
		case n > ok+unsure:
			c.violate("C8", "message %d is in the log %d times, of %d attempts that may have stored it", id, n, ok+unsure)
		case n > 1:
			c.sum.Duplicates++
		}
	}
}

// promised looks for a message of which OK was said.
func (c *checker) promised(s Send) {
	r, ok := c.byPhy[s.PhyOffset]
	if ok && r.ID == s.ID && r.Queue == s.Queue && r.QueueOffset == s.QueueOffset {
		return
	}
	switch {
	case c.h.Mode.SyncMaster || !c.forced:
		c.violate("C1", "message %d, answered OK by %s at %d (queue %d, offset %d), is not there", s.ID, s.Broker, s.PhyOffset, s.Queue, s.QueueOffset)
	case !c.aside[s.ID]:
		c.violate("C1", "message %d, answered OK by %s at %d before a promotion, is neither there nor set aside", s.ID, s.Broker, s.PhyOffset)
	default:
		c.sum.Quarantined++
	}
}

// queues: C5, that the messages of a queue have the offsets 0, 1, 2 and so on.
func (c *checker) queues() {
	next, odd := map[int32]int64{}, map[int32]bool{}
	for _, r := range c.log.Records {
		if want := next[r.Queue]; r.QueueOffset != want && !odd[r.Queue] { // the first of a queue says enough
			odd[r.Queue] = true
			c.violate("C5", "message %d at %d has offset %d in queue %d; it should be %d", r.ID, r.PhyOffset, r.QueueOffset, r.Queue, want)
		}
		next[r.Queue] = r.QueueOffset + 1
	}
}

// settled says whether the message at a place was answered OK by a pair that
// waits for its slave: then no promotion may take it away.
func (c *checker) settled(id int64, queue int32, offset int64) bool {
	if !c.h.Mode.SyncMaster {
		return false
	}
	return slices.ContainsFunc(c.attempts[id], func(s Send) bool {
		return s.Status == OK && s.Queue == queue && s.QueueOffset == offset
	})
}

// deliveries: C5 and C7, what was delivered is in the log, at that place; and
// C6, that each consumer was given everything.
func (c *checker) deliveries() {
	got := map[place]map[Delivery]bool{} // of each only QueueOffset and ID
	all := map[int]bool{}                // consumers
	for _, d := range c.h.Deliveries {
		c.sum.Delivered++
		all[d.Consumer] = true
		p := place{d.Consumer, d.Queue}
		if got[p] == nil {
			got[p] = map[Delivery]bool{}
		}
		got[p][Delivery{QueueOffset: d.QueueOffset, ID: d.ID}] = true
		c.delivered(d)
	}
	for consumer := range all {
		for q, offsets := range c.byQueue {
			p := place{consumer, q}
			from, any := c.taken[p]
			for at, id := range offsets {
				if any && at >= from {
					continue // who was ahead of the new master may have passed it by
				}
				if !got[p][Delivery{QueueOffset: at, ID: id}] {
					c.violate("C6", "consumer %d was never given message %d, queue %d offset %d", consumer, id, q, at)
				}
			}
		}
	}
}

func (c *checker) delivered(d Delivery) {
	id, there := c.byQueue[d.Queue][d.QueueOffset]
	switch {
	case d.ID < 0 || len(c.attempts[d.ID]) == 0:
		c.violate("C2", "consumer %d was given what nobody sent, queue %d offset %d", d.Consumer, d.Queue, d.QueueOffset)
	case there && id == d.ID:
	case c.settled(d.ID, d.Queue, d.QueueOffset):
		c.violate("C7", "message %d was delivered by %s at queue %d offset %d and had been answered OK; message %d is there (%v)", d.ID, d.Broker, d.Queue, d.QueueOffset, id, there)
	case !c.forced:
		c.violate("C5", "message %d was delivered by %s at queue %d offset %d; message %d is there (%v), and no slave was promoted", d.ID, d.Broker, d.Queue, d.QueueOffset, id, there)
	case !c.aside[d.ID]:
		c.violate("C7", "message %d was delivered by %s at queue %d offset %d, and is neither there nor set aside", d.ID, d.Broker, d.Queue, d.QueueOffset)
	default:
		c.sum.Vanished++
		p := place{d.Consumer, d.Queue}
		if from, any := c.taken[p]; !any || d.QueueOffset < from {
			c.taken[p] = d.QueueOffset
		}
	}
}

// commits: C6, that a broker does not forget what it has taken. A kill may cost
// the commits of the last 30 s, and a slave learns them within a second or some.
func (c *checker) commits() {
	type key struct {
		consumer int
		queue    int32
		broker   string
	}
	all := slices.SortedFunc(slices.Values(c.h.Commits), func(a, b Commit) int { return cmp.Compare(a.At, b.At) })
	most := map[key]Commit{} // since a kill
	for _, m := range all {
		k := key{m.Consumer, m.Queue, m.Broker}
		before := most[k]
		if m.Read {
			if m.Offset < before.Offset && m.Began > before.At && !c.excused(m.Broker, before.Began, m.At) {
				c.violate("C6", "broker %s told consumer %d the offset %d of queue %d; it had taken %d", m.Broker, m.Consumer, m.Offset, m.Queue, before.Offset)
			}
			if end := int64(len(c.byQueue[m.Queue])); m.Offset > end && !c.forced {
				c.violate("C6", "broker %s told consumer %d the offset %d of queue %d, which ends at %d", m.Broker, m.Consumer, m.Offset, m.Queue, end)
			}
			continue
		}
		if m.Offset >= before.Offset || c.excused(m.Broker, before.Began, m.Began) {
			most[k] = m
		}
	}
}

// excused says whether a broker may have forgotten offsets between two times: it was
// killed, or its log was cut off behind a promotion.
func (c *checker) excused(broker string, from, to int64) bool {
	return c.forced || slices.ContainsFunc(c.h.Events, func(e Event) bool {
		return e.Kind == Kill && e.Broker == broker && e.At >= from && e.At <= to
	})
}

// order: C9, that what one producer sent to a queue, each after the answer to
// the one before, lies in that order.
func (c *checker) order() {
	type lane struct {
		producer int
		queue    int32
	}
	sends := slices.SortedFunc(slices.Values(c.h.Sends), func(a, b Send) int { return cmp.Compare(a.Began, b.Began) })
	last := map[lane]Send{}
	for _, s := range sends {
		if s.Status != OK {
			continue
		}
		if r, ok := c.byPhy[s.PhyOffset]; !ok || r.ID != s.ID {
			continue // C1 has judged it
		}
		l := lane{s.Producer, s.Queue}
		if before, ok := last[l]; ok && before.QueueOffset >= s.QueueOffset {
			c.violate("C9", "producer %d sent message %d after %d to queue %d; their offsets are %d and %d", s.Producer, s.ID, before.ID, s.Queue, s.QueueOffset, before.QueueOffset)
		}
		last[l] = s
	}
}

// final: C10.
func (c *checker) final() {
	f := c.h.Final
	if f.Masters != 1 || f.Slaves != 1 || f.Behind != 0 || !f.Sends {
		c.violate("C10", "in the end there are %d masters and %d slaves, %d bytes behind; a send is answered OK: %v", f.Masters, f.Slaves, f.Behind, f.Sends)
	}
	if took := time.Duration(f.HealNanos); took > c.bounds.Heal {
		c.violate("C10", "the pair needed %v to recover, at most %v are allowed", took.Round(time.Millisecond), c.bounds.Heal)
	}
	if f.MostRSS > c.bounds.RSS {
		c.violate("C10", "a broker had %d MiB, at most %d are allowed", f.MostRSS>>20, c.bounds.RSS>>20)
	}
	if f.MostFiles > c.bounds.Files {
		c.violate("C10", "a broker has %d files open in the end, at most %d are allowed", f.MostFiles, c.bounds.Files)
	}
}
