package loadgen

import (
	"fmt"
	"net"
	"time"

	"pairmq/internal/remoting"
)

// A sender keeps a number of slots of one connection filled with requests.
// It is one goroutine's: read what replies there are, put a new request in
// each slot they free, write all of them at once.
type sender struct {
	run    *run
	in     *inbox
	out    *outbox
	req    *sendRequest
	tally  *tally
	flying int   // slots in use
	budget int64 // messages that may still be sent
	born   clockText
}

func newSender(r *run, conn net.Conn, req *sendRequest, slots int, count int64) *sender {
	return &sender{
		run: r, in: newInbox(conn), out: newOutbox(r, conn, slots), req: req, tally: newTally(), budget: count,
	}
}

// loop sends until the run is over or the budget is spent, and waits for the
// replies to all that it sent.
func (s *sender) loop() (*tally, error) {
	err := s.exchange()
	s.tally.unanswered = int64(s.flying)
	if err != nil {
		err = fmt.Errorf("loadgen: send, %d requests unanswered: %w", s.flying, err)
	}
	return s.tally, err
}

func (s *sender) exchange() error {
	now := s.run.now()
	for slot := range s.out.sent {
		if err := s.put(slot, now); err != nil {
			return err
		}
	}
	for s.flying > 0 {
		if err := s.out.flush(); err != nil {
			return err
		}
		if err := s.in.fill(); err != nil {
			return err
		}
		if err := s.replies(s.run.now()); err != nil {
			return err
		}
	}
	return nil
}

// replies takes the replies that were read by now and puts a request for each.
func (s *sender) replies(now time.Duration) error {
	before := s.tally.all
	defer func() { s.run.messages.Add(s.tally.all - before) }()
	for {
		f, ok, err := s.in.next()
		if err != nil || !ok {
			return err
		}
		slot, err := s.take(f, now)
		if err != nil {
			return err
		}
		if err := s.put(slot, now); err != nil {
			return err
		}
	}
}

// take counts a reply and frees its slot.
func (s *sender) take(f frame, now time.Duration) (slot int, err error) {
	r, err := parseReply(f)
	if err != nil {
		return 0, err
	}
	slot, sent, err := s.out.answered(r.opaque)
	if err != nil {
		return 0, err
	}
	s.flying--
	n := s.req.messages
	if r.code != remoting.RespSuccess {
		n = 0
	}
	s.tally.add(s.run, now, now-sent, r.code, n, n*s.req.size)
	return slot, nil
}

// put has a request written for slot, unless the run is over.
func (s *sender) put(slot int, now time.Duration) error {
	if s.budget < s.req.messages || s.run.over(now) {
		return nil
	}
	s.budget -= s.req.messages
	s.flying++
	s.out.buf = s.req.appendTo(s.out.buf, slot, s.born.at(now, s.run.start))
	return s.out.put(slot)
}
