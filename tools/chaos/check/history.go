package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
)

// A Mode is what the brokers were told to promise.
type Mode struct {
	SyncFlush  bool `json:"syncFlush"`
	SyncMaster bool `json:"syncMaster"`
}

// String returns the mode in RocketMQ's words.
func (m Mode) String() string {
	flush, master := "ASYNC_FLUSH", "ASYNC_MASTER"
	if m.SyncFlush {
		flush = "SYNC_FLUSH"
	}
	if m.SyncMaster {
		master = "SYNC_MASTER"
	}
	return flush + "/" + master
}

// What an attempt to send came to.
const (
	OK      = "OK"      // all that the mode promises
	Stored  = "STORED"  // stored, the promise not kept: codes 10, 11, 12
	Refused = "REFUSED" // not stored
	Unknown = "UNKNOWN" // no answer
)

// A Send is one attempt to send a message. A message keeps its ID in further
// attempts. Times are nanoseconds since the run began.
type Send struct {
	ID          int64  `json:"id"`
	Producer    int    `json:"producer"`
	Queue       int32  `json:"queue"`
	Broker      string `json:"broker"`
	Status      string `json:"status"`
	QueueOffset int64  `json:"queueOffset"` // as told, of OK and Stored
	PhyOffset   int64  `json:"phyOffset"`
	Began       int64  `json:"began"`
	Ended       int64  `json:"ended"`
}

// A Delivery is one message that a consumer was given. ID is -1 if its body is
// no message's.
type Delivery struct {
	Consumer    int    `json:"consumer"`
	Queue       int32  `json:"queue"`
	Broker      string `json:"broker"`
	QueueOffset int64  `json:"queueOffset"`
	ID          int64  `json:"id"`
	At          int64  `json:"at"`
}

// A Commit is a consumer offset that a broker has taken, or, if Read, has told.
type Commit struct {
	Consumer int    `json:"consumer"`
	Queue    int32  `json:"queue"`
	Broker   string `json:"broker"`
	Offset   int64  `json:"offset"`
	Read     bool   `json:"read"`
	Began    int64  `json:"began"`
	At       int64  `json:"at"`
}

// Kinds of events that the checker has to know of.
const (
	Kill     = "kill"     // -9
	Promoted = "promoted" // a slave was made master without its master's help
	Handed   = "handed"   // a master handed over
)

// An Event is something that was done to a broker.
type Event struct {
	Kind   string `json:"kind"`
	Broker string `json:"broker"`
	At     int64  `json:"at"`
}

// A Final is how the pair was found in the end.
type Final struct {
	Masters, Slaves int   // brokers that said so
	Behind          int64 // bytes
	Sends           bool  // a send was answered OK
	HealNanos       int64 // since all faults had ended
	MostRSS         int64 // bytes, of any broker at any time
	MostFiles       int   // open at the end
}

// A History is all that happened in a run, in no order.
type History struct {
	Mode       Mode
	Sends      []Send
	Deliveries []Delivery
	Commits    []Commit
	Events     []Event
	Final      Final
}

// A Recorder writes a history down as it happens, a line of JSON for each thing.
// It is safe for concurrent use.
type Recorder struct {
	mu  sync.Mutex
	to  *json.Encoder
	all History
	err error
}

// A line is one thing that happened: one of its members is set.
type line struct {
	Mode     *Mode     `json:"mode,omitempty"`
	Send     *Send     `json:"send,omitempty"`
	Delivery *Delivery `json:"delivery,omitempty"`
	Commit   *Commit   `json:"commit,omitempty"`
	Event    *Event    `json:"event,omitempty"`
	Final    *Final    `json:"final,omitempty"`
}

// NewRecorder returns a Recorder of a run in a mode, which writes to w.
func NewRecorder(w io.Writer, m Mode) *Recorder {
	r := &Recorder{to: json.NewEncoder(w), all: History{Mode: m}}
	r.add(line{Mode: &m})
	return r
}

func (r *Recorder) add(l line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.add(l)
	if err := r.to.Encode(l); err != nil && r.err == nil {
		r.err = fmt.Errorf("check: write the history: %w", err)
	}
}

func (h *History) add(l line) {
	switch {
	case l.Mode != nil:
		h.Mode = *l.Mode
	case l.Send != nil:
		h.Sends = append(h.Sends, *l.Send)
	case l.Delivery != nil:
		h.Deliveries = append(h.Deliveries, *l.Delivery)
	case l.Commit != nil:
		h.Commits = append(h.Commits, *l.Commit)
	case l.Event != nil:
		h.Events = append(h.Events, *l.Event)
	case l.Final != nil:
		h.Final = *l.Final
	}
}

// Send, Delivery, Commit, Event and Final record one thing each.
func (r *Recorder) Send(s Send)         { r.add(line{Send: &s}) }
func (r *Recorder) Delivery(d Delivery) { r.add(line{Delivery: &d}) }
func (r *Recorder) Commit(c Commit)     { r.add(line{Commit: &c}) }
func (r *Recorder) Event(e Event)       { r.add(line{Event: &e}) }
func (r *Recorder) Final(f Final)       { r.add(line{Final: &f}) }

// History returns what was recorded, and the first error of writing it.
func (r *Recorder) History() (History, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all, r.err
}

// Read reads a history that a Recorder wrote.
func Read(from io.Reader) (History, error) {
	var h History
	for d := json.NewDecoder(from); ; {
		var l line
		err := d.Decode(&l)
		if err == io.EOF {
			return h, nil
		}
		if err != nil {
			return h, fmt.Errorf("check: read the history: %w", err)
		}
		h.add(l)
	}
}

// Body is the body of the message id: the id, and bytes that follow from it.
func Body(id int64) []byte {
	rng := rand.New(rand.NewPCG(uint64(id), 11))
	b := append(strconv.AppendInt([]byte("chaos "), id, 10), ' ')
	for range rng.IntN(1200) {
		b = append(b, 'a'+byte(rng.IntN(26)))
	}
	return b
}

// ID returns the id of the message with this body, -1 if it is none's.
func ID(body []byte) int64 {
	rest, ours := bytes.CutPrefix(body, []byte("chaos "))
	digits, _, found := bytes.Cut(rest, []byte(" "))
	if !ours || !found {
		return -1
	}
	id, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || id < 0 || !bytes.Equal(Body(id), body) {
		return -1
	}
	return id
}
