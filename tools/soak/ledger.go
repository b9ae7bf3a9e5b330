package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// idSize is how many bytes of a body say which message it is; the rest is the same
// in all of them.
const idSize = 8

var errBody = errors.New("a message was consumed that nobody sent")

// A ledger is which messages were acknowledged, and which were consumed.
type ledger struct {
	rest []byte // of each body, behind its id

	mu       sync.Mutex // guards the rest
	next     uint64
	sent     map[uint64]bool // true: acknowledged, false: begun
	consumed map[uint64]bool
	again    int // consumed more than once
	open     int // acknowledged and not consumed
}

func newLedger(rest []byte) *ledger {
	return &ledger{rest: rest, sent: map[uint64]bool{}, consumed: map[uint64]bool{}}
}

// begin notes that a message will be sent, and returns the pieces of its body.
func (l *ledger) begin() (id uint64, body [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	l.sent[l.next] = false
	return l.next, [][]byte{binary.BigEndian.AppendUint64(nil, l.next), l.rest}
}

// acknowledged notes that the broker has said OK to a message.
func (l *ledger) acknowledged(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[id] = true
	if !l.consumed[id] {
		l.open++
	}
}

// take notes that a body was consumed. It fails if it is none that was sent.
func (l *ledger) take(body []byte) error {
	if len(body) != idSize+len(l.rest) || !bytes.Equal(body[idSize:], l.rest) {
		return fmt.Errorf("%w: %d bytes", errBody, len(body))
	}
	id := binary.BigEndian.Uint64(body)
	l.mu.Lock()
	defer l.mu.Unlock()
	ok, known := l.sent[id]
	switch {
	case !known:
		return fmt.Errorf("%w: number %d", errBody, id)
	case l.consumed[id]:
		l.again++
	case ok:
		l.open--
	}
	l.consumed[id] = true
	return nil
}

// A sum is what a ledger comes to.
type sum struct {
	acknowledged, consumed, again int
	lost                          []uint64 // acknowledged, and not consumed
}

func (l *ledger) sum() sum {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := sum{consumed: len(l.consumed), again: l.again}
	for id, ok := range l.sent {
		if !ok {
			continue
		}
		s.acknowledged++
		if !l.consumed[id] {
			s.lost = append(s.lost, id)
		}
	}
	slices.Sort(s.lost)
	return s
}

// outstanding is how many messages are acknowledged and not yet consumed.
func (l *ledger) outstanding() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}
