package loadgen

import (
	"errors"
	"fmt"
	"net"
	"time"

	"pairmq/internal/remoting"
)

// ErrRefused is the cause when a broker refuses one queue's pulls again and again.
var ErrRefused = errors.New("loadgen: the broker refuses")

// maxRefusals is how often in a row a pull may be refused before the queue is given up.
const maxRefusals = 16

// A puller reads the queues of one connection, of each with one request in
// flight. Slot n is queue n. It is one goroutine's, like a sender.
type puller struct {
	run    *run
	in     *inbox
	out    *outbox
	tally  *tally
	queues []pullQueue
	budget int64 // messages that are still wanted
	again  bool
	flying int
}

type pullQueue struct {
	template template
	offset   int64 // where the next pull starts
	first    int64 // where the first message came from, -1 before there was one
	refused  int   // times in a row
}

func newPuller(r *run, conn net.Conn, t []template, budget int64, again bool) *puller {
	p := &puller{
		run: r, in: newInbox(conn), out: newOutbox(r, conn, len(t)), tally: newTally(), budget: budget, again: again,
	}
	for _, t := range t {
		p.queues = append(p.queues, pullQueue{template: t, first: -1})
	}
	return p
}

// loop pulls until all queues are at their end, the run is over or the budget is spent.
func (p *puller) loop() (*tally, error) {
	err := p.exchange()
	p.tally.unanswered = int64(p.flying)
	if err != nil {
		err = fmt.Errorf("loadgen: pull, %d requests unanswered: %w", p.flying, err)
	}
	return p.tally, err
}

func (p *puller) exchange() error {
	now := p.run.now()
	for slot := range p.queues {
		if err := p.put(slot, now); err != nil {
			return err
		}
	}
	for p.flying > 0 {
		if err := p.out.flush(); err != nil {
			return err
		}
		if err := p.in.fill(); err != nil {
			return err
		}
		if err := p.replies(p.run.now()); err != nil {
			return err
		}
	}
	return nil
}

func (p *puller) replies(now time.Duration) error {
	before := p.tally.all
	defer func() { p.run.messages.Add(p.tally.all - before) }()
	for {
		f, ok, err := p.in.next()
		if err != nil || !ok {
			return err
		}
		slot, more, err := p.take(f, now)
		if err != nil {
			return err
		}
		if !more {
			continue
		}
		if err := p.put(slot, now); err != nil {
			return err
		}
	}
}

// take counts a reply; more tells whether its queue is to be pulled again.
func (p *puller) take(f frame, now time.Duration) (slot int, more bool, err error) {
	r, err := parseReply(f)
	if err != nil {
		return 0, false, err
	}
	slot, sent, err := p.out.answered(r.opaque)
	if err != nil {
		return 0, false, err
	}
	p.flying--
	var n, bytes int64
	if r.code == remoting.RespSuccess {
		if n, bytes, err = countRecords(f.body); err != nil {
			return 0, false, err
		}
	}
	p.tally.add(p.run, now, now-sent, r.code, n, bytes)
	p.budget -= n
	more, err = p.advance(&p.queues[slot], f, r.code)
	return slot, more, err
}

// advance moves q to where the reply f says, and tells whether to go on there.
func (p *puller) advance(q *pullQueue, f frame, code int32) (more bool, err error) {
	switch code {
	case remoting.RespSuccess, remoting.RespPullRetryImmediately, remoting.RespPullOffsetMoved:
		next, err := f.int64Field("nextBeginOffset")
		if err != nil {
			return false, fmt.Errorf("%w: %w", errFrame, err)
		}
		if code == remoting.RespSuccess && q.first < 0 {
			q.first = q.offset
		}
		stuck := next == q.offset
		q.offset, q.refused = next, 0
		return !stuck, nil
	case remoting.RespPullNotFound:
		again := p.again && q.first >= 0
		q.offset = q.first
		return again, nil
	}
	if q.refused++; q.refused >= maxRefusals {
		return false, fmt.Errorf("%w: code %d, %d times in a row", ErrRefused, code, q.refused)
	}
	return true, nil
}

// put has a pull written for slot, unless the run is over.
func (p *puller) put(slot int, now time.Duration) error {
	if p.budget <= 0 || p.run.over(now) {
		return nil
	}
	p.flying++
	q := &p.queues[slot]
	var head []byte
	p.out.buf, head = q.template.appendTo(p.out.buf, slot)
	putDecimal(head[q.template.offset:q.template.offset+len(offsetMark)], q.offset)
	return p.out.put(slot)
}
