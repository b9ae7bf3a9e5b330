package promise

import (
	"cmp"
	"fmt"
	"slices"
)

// The rules, by what breaks them.
const (
	Lost       = "lost"    // a message that was answered OK is not there
	Moved      = "moved"   // it is there, at another place than was told
	Foreign    = "foreign" // what is there was never sent, or is damaged
	WasRefused = "refused" // what is there was said not to be stored
	Twice      = "twice"   // one message, or one place in the log, for two offsets
	Gap        = "gap"     // the offsets of a queue are not 0, 1, 2 and so on
	Changed    = "changed" // where something was read before, something else is, or nothing
	Order      = "order"   // messages of one producer are not in the order in which it sent them
	BadOffset  = "offset"  // a consumer offset went back too far, or lies beyond all that was committed
	NoTopic    = "topic"   // a topic that was said to be made is not there
)

// A Violation is something that must not be.
type Violation struct{ Rule, Text string }

func (v Violation) String() string { return v.Rule + ": " + v.Text }

// An Offset is what a broker says a group has committed in a queue; -1: nothing.
type Offset struct {
	Group  string `json:"group"`
	Queue  int32  `json:"queue"`
	Offset int64  `json:"offset"`
}

// A Reading is all that a broker has.
type Reading struct {
	Records []Record // of each queue in the order of offsets
	Offsets []Offset
	Topics  []string
}

// A Summary counts.
type Summary struct {
	Promised int // messages answered OK
	Kept     int // of those, that are there as they should be
	Unasked  int // messages that are there without an OK: the answer was lost with the power
	Records  int
}

// Judge compares a reading with the first upto things in the ledger. What was
// sent later may be there, and need not.
func (l *Ledger) Judge(r Reading, upto int) (Summary, []Violation) {
	first, all := l.upto(upto)
	j := judge{r: r, at: map[place]Record{}, byID: map[int64]Record{}}
	j.records(all)
	j.promises(first)
	j.order(all)
	j.offsets(first, all)
	j.topics(first)
	return j.sum, j.found
}

// A place is an offset of a queue.
type place struct {
	queue  int32
	offset int64
}

// A judge is one judgement.
type judge struct {
	r     Reading
	at    map[place]Record
	byID  map[int64]Record
	sum   Summary
	found []Violation
}

func (j *judge) violate(rule, format string, args ...any) {
	j.found = append(j.found, Violation{rule, fmt.Sprintf(format, args...)})
}

// records judges what is there by itself, and by what was sent at all.
func (j *judge) records(all []event) {
	begun, refused, ok := map[int64]bool{}, map[int64]bool{}, map[int64]bool{}
	for _, e := range all {
		if e.Begun > 0 {
			begun[e.Begun] = true
		}
		if e.Send != nil {
			refused[e.Send.ID] = e.Send.Status == Refused
			ok[e.Send.ID] = e.Send.Status == OK
		}
	}
	next, byPhy := map[int32]int64{}, map[int64]Record{}
	for _, x := range j.r.Records {
		j.sum.Records++
		if want := next[x.Queue]; x.QueueOffset != want {
			j.violate(Gap, "queue %d has offset %d where %d should be", x.Queue, x.QueueOffset, want)
		}
		next[x.Queue] = x.QueueOffset + 1
		if other, there := byPhy[x.PhyOffset]; there {
			j.violate(Twice, "the record at %d is queue %d offset %d, and queue %d offset %d", x.PhyOffset, other.Queue, other.QueueOffset, x.Queue, x.QueueOffset)
		}
		byPhy[x.PhyOffset] = x
		j.at[place{x.Queue, x.QueueOffset}] = x
		switch other, there := j.byID[x.ID]; {
		case x.ID < 0:
			j.violate(Foreign, "queue %d offset %d (at %d) is no message of ours, or a damaged one", x.Queue, x.QueueOffset, x.PhyOffset)
			continue
		case !begun[x.ID]:
			j.violate(Foreign, "queue %d offset %d (at %d) is message %d, which nobody sent", x.Queue, x.QueueOffset, x.PhyOffset, x.ID)
		case refused[x.ID]:
			j.violate(WasRefused, "queue %d offset %d (at %d) is message %d, which was refused", x.Queue, x.QueueOffset, x.PhyOffset, x.ID)
		case there:
			j.violate(Twice, "message %d is queue %d offset %d, and queue %d offset %d; it was sent once", x.ID, other.Queue, other.QueueOffset, x.Queue, x.QueueOffset)
		case !ok[x.ID]:
			j.sum.Unasked++
		}
		j.byID[x.ID] = x
	}
}

// promises looks for all that was answered OK, or read before.
func (j *judge) promises(first []event) {
	for _, e := range first {
		switch {
		case e.Send != nil && e.Send.Status == OK:
			j.promised(*e.Send)
		case e.Given != nil:
			if x, there := j.at[place{e.Given.Queue, e.Given.QueueOffset}]; !there {
				j.violate(Changed, "queue %d offset %d was message %d, and is gone", e.Given.Queue, e.Given.QueueOffset, e.Given.ID)
			} else if x != *e.Given {
				j.violate(Changed, "queue %d offset %d was message %d at %d (%x), and is message %d at %d (%x)", x.Queue, x.QueueOffset,
					e.Given.ID, e.Given.PhyOffset, e.Given.Sum, x.ID, x.PhyOffset, x.Sum)
			}
		}
	}
}

func (j *judge) promised(s Send) {
	j.sum.Promised++
	x, there := j.byID[s.ID]
	switch {
	case !there:
		j.violate(Lost, "message %d, answered OK with queue %d offset %d (at %d), is not there", s.ID, s.Queue, s.QueueOffset, s.PhyOffset)
	case x.Queue != s.Queue || x.QueueOffset != s.QueueOffset || x.PhyOffset != s.PhyOffset:
		j.violate(Moved, "message %d, answered OK with queue %d offset %d (at %d), is queue %d offset %d (at %d)", s.ID, s.Queue, s.QueueOffset, s.PhyOffset, x.Queue, x.QueueOffset, x.PhyOffset)
	default:
		j.sum.Kept++
	}
}

// order: a producer sends one message after the answer to the one before, so
// that its ids must rise with the offsets.
func (j *judge) order(all []event) {
	type lane struct {
		producer int
		queue    int32
	}
	producer := map[int64]int{}
	for _, e := range all {
		if e.Send != nil {
			producer[e.Send.ID] = e.Send.Producer
		}
	}
	last := map[lane]Record{}
	for _, x := range j.r.Records {
		p, known := producer[x.ID]
		if !known {
			continue
		}
		k := lane{p, x.Queue}
		if before, any := last[k]; any && before.ID > x.ID {
			j.violate(Order, "producer %d sent message %d before %d; queue %d has them at %d and %d", p, x.ID, before.ID, x.Queue, x.QueueOffset, before.QueueOffset)
		}
		last[k] = x
	}
}

// offsets judges what consumers are told they have committed.
func (j *judge) offsets(first, all []event) {
	type key struct {
		group string
		queue int32
	}
	least, most := map[key]int64{}, map[key]int64{}
	raise := func(m map[key]int64, k key, to int64) {
		if was, any := m[k]; !any || to > was {
			m[k] = to
		}
	}
	var young []Commit // since the last cut
	for _, e := range first {
		switch {
		case e.Told != nil: // read from flash after an earlier cut
			raise(least, key{e.Told.Group, e.Told.Queue}, e.Told.Offset)
		case e.Commit != nil && e.Commit.Taken:
			young = append(young, *e.Commit)
		case e.Cut != nil:
			for _, c := range young {
				if c.At+Forgettable < e.Cut.At {
					raise(least, key{c.Group, c.Queue}, c.Offset)
				}
			}
			young = nil
		}
	}
	for _, e := range all {
		if e.Commit != nil {
			raise(most, key{e.Commit.Group, e.Commit.Queue}, e.Commit.Offset)
		}
	}
	told := map[key]int64{}
	for _, o := range j.r.Offsets {
		k := key{o.Group, o.Queue}
		told[k] = o.Offset
		if limit, any := most[k]; o.Offset > limit || !any && o.Offset >= 0 {
			j.violate(BadOffset, "group %s has offset %d in queue %d; at most %d was committed", o.Group, o.Offset, o.Queue, limit)
		}
	}
	for _, k := range sortedKeys(least, func(a, b key) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.queue, b.queue)) }) {
		if got, any := told[k]; least[k] >= 0 && (!any || got < least[k]) {
			j.violate(BadOffset, "group %s has offset %d in queue %d; %d was there %v before the power went, or after an earlier cut", k.group, got, k.queue, least[k], Forgettable)
		}
	}
}

// topics looks for those that were said to be made.
func (j *judge) topics(first []event) {
	for _, e := range first {
		if e.Topic != nil && !slices.Contains(j.r.Topics, e.Topic.Name) {
			j.violate(NoTopic, "topic %s was made, and is not there", e.Topic.Name)
		}
	}
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}
