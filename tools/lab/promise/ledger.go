package promise

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// What an attempt to send came to.
const (
	OK      = "OK"      // on flash, said the broker
	Unknown = "UNKNOWN" // no answer, or one that says so
	Refused = "REFUSED" // not stored, said the broker
)

// A Send is one attempt to send a message; each has an id of its own.
type Send struct {
	ID          int64  `json:"id"`
	Producer    int    `json:"producer"`
	Queue       int32  `json:"queue"`
	Status      string `json:"status"`
	QueueOffset int64  `json:"queueOffset"` // as told, of OK
	PhyOffset   int64  `json:"phyOffset"`
}

// A Record is one message that a broker gave out. ID is -1 if its body is no
// message's.
type Record struct {
	ID          int64  `json:"id"`
	Queue       int32  `json:"queue"`
	QueueOffset int64  `json:"queueOffset"`
	PhyOffset   int64  `json:"phyOffset"`
	Sum         uint64 `json:"sum"` // of all its bytes
}

// A Commit is a consumer offset that a broker was asked to remember. It may
// forget one that is younger than Forgettable.
type Commit struct {
	Group  string        `json:"group"`
	Queue  int32         `json:"queue"`
	Offset int64         `json:"offset"`
	Taken  bool          `json:"taken"` // it answered success
	At     time.Duration `json:"at"`    // since the life began
}

// Forgettable is how old a consumer offset may be and be lost with the power.
const Forgettable = 30 * time.Second

// A Topic is one that the broker said it has made.
type Topic struct {
	Name string `json:"name"`
}

// A Cut is the moment when power went.
type Cut struct {
	At time.Duration `json:"at"` // since the life began
}

// An event is one thing that a client did or learned: one member is set.
type event struct {
	Begun  int64   `json:"begun,omitempty"` // the id of a message that was handed to a connection
	Send   *Send   `json:"send,omitempty"`
	Given  *Record `json:"given,omitempty"`
	Commit *Commit `json:"commit,omitempty"`
	Told   *Offset `json:"told,omitempty"`
	Topic  *Topic  `json:"topic,omitempty"`
	Cut    *Cut    `json:"cut,omitempty"`
}

// A Ledger is all that the clients of one store did and learned, in order. It
// is safe for concurrent use.
type Ledger struct {
	mu     sync.Mutex
	to     *json.Encoder
	err    error
	events []event
	oks    int
}

// NewLedger returns a Ledger that writes each thing down as a line of JSON.
func NewLedger(w io.Writer) *Ledger { return &Ledger{to: json.NewEncoder(w)} }

func (l *Ledger) add(e event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	if e.Send != nil && e.Send.Status == OK {
		l.oks++
	}
	if err := l.to.Encode(e); err != nil && l.err == nil {
		l.err = fmt.Errorf("promise: write the history: %w", err)
	}
}

// Begun notes that a message may reach the broker from now on. Ids begin with 1.
func (l *Ledger) Begun(id int64) { l.add(event{Begun: id}) }

// Send notes what an attempt came to.
func (l *Ledger) Send(s Send) { l.add(event{Send: &s}) }

// Given notes a message that a consumer was given: the broker promises by
// that, too, that it stays.
func (l *Ledger) Given(r Record) { l.add(event{Given: &r}) }

// Commit notes an offset that the broker was asked to remember, before it is
// asked and, with Taken, after it has answered.
func (l *Ledger) Commit(c Commit) { l.add(event{Commit: &c}) }

// Topic notes a topic that the broker said it has made.
func (l *Ledger) Topic(name string) { l.add(event{Topic: &Topic{name}}) }

// Cut notes that power went.
func (l *Ledger) Cut(at time.Duration) { l.add(event{Cut: &Cut{at}}) }

// Keep notes all of a reading: what was there after one cut must be there after the next.
func (l *Ledger) Keep(r Reading) {
	for _, rec := range r.Records {
		l.Given(rec)
	}
	for _, o := range r.Offsets {
		l.add(event{Told: &o})
	}
}

// Disbelieve takes back all that was learned behind the first from things: the
// disk lied to the broker by then. What was sent meanwhile may be there.
func (l *Ledger) Disbelieve(from int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := from; i < len(l.events); i++ {
		switch e := &l.events[i]; {
		case e.Send != nil && e.Send.Status == OK:
			s := *e.Send
			s.Status = Unknown
			e.Send = &s
			l.oks--
		case e.Commit != nil && e.Commit.Taken:
			c := *e.Commit
			c.Taken = false
			e.Commit = &c
		default:
			e.Given, e.Told, e.Topic = nil, nil, nil
		}
	}
}

// OKBegunAfter lists the messages that were sent behind the first from things
// and answered OK.
func (l *Ledger) OKBegunAfter(from int) (ids []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begun := map[int64]bool{}
	for _, e := range l.events[min(from, len(l.events)):] {
		if e.Begun > 0 {
			begun[e.Begun] = true
		}
		if e.Send != nil && e.Send.Status == OK && begun[e.Send.ID] {
			ids = append(ids, e.Send.ID)
		}
	}
	return ids
}

// Len is how much was noted so far. All that follows was learned after it.
func (l *Ledger) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// OKs is how many messages were answered OK so far.
func (l *Ledger) OKs() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.oks
}

// Err is the first error of writing the history.
func (l *Ledger) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// upto returns the first n things that were noted, and all.
// Disbelieve must not be called while they are used.
func (l *Ledger) upto(n int) (first, all []event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events[:min(n, len(l.events))], l.events
}
