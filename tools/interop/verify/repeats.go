package verify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Mark is that somebody came, left or crashed, and how far the broker knew the group to be
// just before that.
type Mark struct {
	From, Until int64   // wall clock, as in Got
	Committed   []int64 // offsets by queue
}

// Repeats judges one group's concurrent consumers, who come, leave and crash: marks are of all
// that happened, in their order. A queue's messages come again only after one of these, and none
// of them that was committed before it. Who had the queue may have had messages until so late
// after what took it away. It returns how many came again.
func Repeats(lives []*Life, marks []Mark, late time.Duration) (again int, err error) {
	queues := map[int32][]churned{}
	for _, l := range lives {
		for _, g := range l.Got {
			queues[g.QueueID] = append(queues[g.QueueID], churned{g, l})
		}
	}
	var errs []error
	for id, all := range queues {
		slices.SortStableFunc(all, func(a, b churned) int { return cmp.Compare(a.Micros, b.Micros) })
		q := repeatedQueue{marks: marks, late: late.Microseconds(), seen: map[int64]bool{}, had: map[*Life]map[int64]bool{}}
		for _, g := range all {
			if err := q.next(id, g); err != nil {
				errs = append(errs, fmt.Errorf("verify: queue %d: offset %d to %s at %d µs %w", id, g.QueueOffset, g.by.Client, g.Micros, err))
			}
		}
		again += q.again
	}
	if n := len(errs); n > 10 {
		errs = append(errs[:10], fmt.Errorf("verify: and %d complaints more", n-10))
	}
	return again, errors.Join(errs...)
}

// A repeatedQueue is where the judge of one queue is.
type repeatedQueue struct {
	marks []Mark
	late  int64 // µs
	seen  map[int64]bool
	had   map[*Life]map[int64]bool // since it took the queue over
	again int

	last  churned
	cause bool  // whether there was one for the last consumer to take the queue over
	floor int64 // what was committed then
}

// next judges the next delivery in the order of time.
func (q *repeatedQueue) next(id int32, g churned) error {
	defer func() { q.last = g }()
	if g.by != q.last.by || q.had[g.by][g.QueueOffset] {
		q.had[g.by] = map[int64]bool{}
		q.cause, q.floor = q.takenAt(id, g.Micros)
	}
	q.had[g.by][g.QueueOffset] = true
	if !q.seen[g.QueueOffset] {
		q.seen[g.QueueOffset] = true
		return nil
	}
	q.again++
	switch {
	case !q.cause:
		return errors.New("had been consumed, and nobody had come or gone")
	case g.QueueOffset < q.floor:
		return fmt.Errorf("had been consumed: %d was committed before that", q.floor)
	}
	return nil
}

// takenAt finds the first of the marks that may be why the queue of the last delivery went to
// somebody else up to a time, and what was committed then.
func (q *repeatedQueue) takenAt(id int32, micros int64) (cause bool, floor int64) {
	for _, m := range q.marks {
		if m.Until >= q.last.Micros-q.late && m.From <= micros {
			return true, m.Committed[id]
		}
	}
	return false, 0
}
