package verify

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// What RocketMQ's clients and brokers promise about ordered consumption, in µs.
// Format and figures: MQClientInstance, RebalancePushImpl, RebalanceLockManager.
const (
	commitFirst  = int64(10 * time.Second / time.Microsecond) // a client commits first so long after its start
	commitPeriod = int64(5 * time.Second / time.Microsecond)  // and then this often
	lockTime     = int64(60 * time.Second / time.Microsecond) // a broker keeps a queue's lock so long after the last renewal
	lockPeriod   = int64(20 * time.Second / time.Microsecond) // a client renews its locks this often

	// churnGrace is how late a busy machine may make any of this.
	churnGrace = int64(5 * time.Second / time.Microsecond)
)

// Why a message came again.
const (
	AgainCrash  = "crash"     // its consumer crashed before the next commit was due
	AgainLeave  = "leave"     // its consumer unlocked the queue a moment before it committed
	AgainFlight = "in flight" // its listener was at it when its consumer had to give the queue up, and had committed
)

// A Life is a consumer's from its start to its end, and what it got. Times are
// those of Got, in µs of wall clock.
type Life struct {
	Client  string // the broker knows it by: a later life of this name has its locks
	Began   int64  // when it was told to start
	Started int64  // when it had started
	Ended   int64  // when it was told to leave, or killed; 0: it did neither
	Gone    int64  // when it had left, or was dead; 0: not yet
	Crashed bool   // killed
	Got     []Got
}

func (l *Life) endedBy(micros int64) bool { return l.Ended != 0 && l.Ended <= micros }

// A ChurnReport counts what came to the consumers of a group.
type ChurnReport struct {
	Deliveries int
	HandOvers  int            // how often another consumer went on with a queue
	Again      map[string]int // messages that came again, by cause
}

// A change is when a consumer came or went: the others may find out between.
type change struct {
	by       *Life
	from, to int64
}

// Churn judges one group's ordered consumers, who come, leave and crash. Each
// queue is consumed in its order from offset 0, by one consumer at a time. It
// goes from one to another only after that has ended, or somebody came or went,
// because of whom it gave the queue up. A message comes again only for a cause,
// and all behind it again in their order:
//
//   - after a crash, from an offset that may have been the committed one: what
//     was due to be committed before is not consumed again, and by a client of
//     another name not before the lock expires;
//   - while a consumer leaves, which unlocks its queues before it commits,
//     likewise; not later;
//   - the one message that a listener was at when its consumer gave the queue
//     up, having committed.
func Churn(lives []*Life) (ChurnReport, error) {
	report := ChurnReport{Again: map[string]int{}}
	queues := map[int32][]churned{}
	var changes []change
	for _, l := range lives {
		changes = append(changes, change{l, l.Began, l.Started})
		if l.Ended != 0 {
			changes = append(changes, change{l, l.Ended, orEver(l.Gone)})
		}
		for _, g := range l.Got {
			queues[g.QueueID] = append(queues[g.QueueID], churned{g, l})
			report.Deliveries++
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.from, b.from) })
	var errs []error
	for id, all := range queues {
		slices.SortStableFunc(all, func(a, b churned) int { return cmp.Compare(a.Micros, b.Micros) })
		q := churnedQueue{lives: lives, changes: changes, spent: map[*Life]int{}, report: &report}
		for _, g := range all {
			if err := q.next(g); err != nil {
				errs = append(errs, fmt.Errorf("verify: queue %d: offset %d to %s at %d µs %w", id, g.QueueOffset, g.by.Client, g.Micros, err))
			}
		}
	}
	if n := len(errs); n > 10 {
		errs = append(errs[:10], fmt.Errorf("verify: and %d complaints more", n-10))
	}
	return report, errors.Join(errs...)
}

func orEver(micros int64) int64 {
	if micros == 0 {
		return math.MaxInt64
	}
	return micros
}

// A churned is a delivery and who got it.
type churned struct {
	Got
	by *Life
}

// A churnedQueue is where the judge of one queue is.
type churnedQueue struct {
	lives   []*Life
	changes []change
	spent   map[*Life]int // how many changes came before the next that may be why it gives the queue up
	report  *ChurnReport

	tenure    []churned // what its present consumer got, in steps of one
	due       int64     // the lowest offset that nobody has had
	committed int64     // an offset that the committed one is not below
	busyUntil int64     // when the last listener ended, µs
	cause     string    // why what is below due comes again
}

// next judges the next delivery in the order of time.
func (q *churnedQueue) next(g churned) error {
	var errs []error
	if g.Micros < q.busyUntil {
		errs = append(errs, fmt.Errorf("began %d µs before the one in front of it ended", q.busyUntil-g.Micros))
	}
	if g.by.Gone != 0 && g.Micros > g.by.Gone {
		errs = append(errs, fmt.Errorf("came %d µs after its consumer's end", g.Micros-g.by.Gone))
	}
	cause := q.cause
	switch {
	case len(q.tenure) == 0:
		if g.QueueOffset != 0 {
			errs = append(errs, errors.New("was the first"))
		}
		q.tenure = []churned{g}
	case g.by == q.last().by && g.QueueOffset == q.last().QueueOffset+1:
		q.tenure = append(q.tenure, g)
	default:
		var err error
		if cause, err = q.handOver(g); err != nil {
			errs = append(errs, err)
		}
		if cause != AgainFlight {
			q.cause = cause
		}
		q.committed = max(q.committed, g.QueueOffset)
		q.tenure = []churned{g}
		q.report.HandOvers++
	}
	if g.QueueOffset < q.due {
		q.report.Again[cause]++
	}
	q.due = max(q.due, g.QueueOffset+1)
	done := g.DoneMicros
	if done == 0 {
		if done = g.by.Ended; !g.by.Crashed {
			errs = append(errs, errors.New("has a listener that did not end"))
		}
	}
	q.busyUntil = max(q.busyUntil, done)
	return errors.Join(errs...)
}

func (q *churnedQueue) last() churned { return q.tenure[len(q.tenure)-1] }

// handOver judges that g does not go on where the present consumer was, and
// returns the cause of what comes again from there on.
func (q *churnedQueue) handOver(g churned) (cause string, err error) {
	last := q.last()
	was := last.by
	if g.QueueOffset > last.QueueOffset+1 {
		return q.cause, fmt.Errorf("came where %d was due", last.QueueOffset+1)
	}
	over := was != g.by && was.endedBy(g.Micros)
	if !over && !q.told(was, g.Micros) {
		return q.cause, fmt.Errorf("was taken from %s, which was there, and nobody had come or gone", was.Client)
	}
	switch {
	case g.QueueOffset == last.QueueOffset+1:
		return q.cause, nil
	case g.QueueOffset == last.QueueOffset:
		return AgainFlight, nil
	case !over:
		return q.cause, fmt.Errorf("had been consumed: %s, which had to give the queue up behind %d, commits before it does", was.Client, last.QueueOffset)
	}
	if committed := max(q.committed, q.dueCommit(was.Ended)); g.QueueOffset < committed {
		return q.cause, fmt.Errorf("had been consumed: %s had %d committed before its end", was.Client, committed)
	}
	if !was.Crashed {
		if late := g.Micros - orEver(was.Gone) - churnGrace; late > 0 {
			return q.cause, fmt.Errorf("had been consumed by %s, which left and had committed %d µs before", was.Client, late+churnGrace)
		}
		return AgainLeave, nil
	}
	if early := was.Ended + lockTime - lockPeriod - churnGrace - g.Micros; early > 0 && !q.returned(was, g.Micros) {
		return q.cause, fmt.Errorf("came %d µs before the lock of %s, which had crashed, could expire", early, was.Client)
	}
	return AgainCrash, nil
}

// told says whether a consumer that is there has a reason to give the queue up:
// somebody else came or went since it took it. Each is a reason once.
func (q *churnedQueue) told(l *Life, micros int64) bool {
	for i := q.spent[l]; i < len(q.changes) && q.changes[i].from <= micros; i++ {
		if c := q.changes[i]; c.by != l && c.to >= q.tenure[0].Micros-churnGrace {
			q.spent[l] = i + 1
			return true
		}
	}
	return false
}

// dueCommit returns the offset that the present consumer must have committed by a time.
func (q *churnedQueue) dueCommit(micros int64) int64 {
	l := q.tenure[0].by
	since := micros - churnGrace - l.Started - commitFirst
	if since < 0 {
		return 0
	}
	commit := l.Began + commitFirst + since/commitPeriod*commitPeriod
	var offset int64
	for _, g := range q.tenure {
		if g.DoneMicros != 0 && g.DoneMicros <= commit-churnGrace/5 { // the client notes it after its listener
			offset = g.QueueOffset + 1
		}
	}
	return offset
}

// returned says whether a client that ended, or one of its name, has been there
// since, up to a time.
func (q *churnedQueue) returned(l *Life, micros int64) bool {
	return slices.ContainsFunc(q.lives, func(later *Life) bool {
		return later.Client == l.Client && later.Began >= l.Ended && later.Began <= micros
	})
}
