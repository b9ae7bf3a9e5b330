package remoting

import (
	"sync/atomic"
	"time"
)

// Frames that are being received have lanes, by their size, so that small ones never wait
// for large ones: those of who sends slowly, or announces much and sends nothing. Each
// source has a part of each lane, and beyond it waits for itself.
type lane int

const (
	smallLane lane = iota // buffers of up to smallBuffer bytes, handshakes
	largeLane
	lanes
)

const smallBuffer = 128 << 10

func laneOf(size int64) lane {
	if size <= smallBuffer {
		return smallLane
	}
	return largeLane
}

// laneSize is how much of limit bytes in flight a lane has. The two leave to replies more
// than all addresses together may have of these.
func laneSize(l lane, limit int64) int64 {
	if l == smallLane {
		return limit * 3 / 8
	}
	return limit / 4
}

// laneOfMany is what one source has of a lane: a third of it while it is alone, half of
// what others leave, a 32nd at least, and always one frame.
func (s *shared) laneOfMany(l lane) budget {
	return budget{limit: laneSize(l, s.limits.BytesInFlight) / 16, all: &s.arriving[l], lane: true}
}

// counted is how much of a buffer of size bytes is counted as in flight.
func (s *shared) counted(size int64) int64 { return min(size, s.limits.BytesInFlight/8) }

// A loan is what a connection has of the budgets for what it receives. Only the goroutine
// that reads changes it.
type loan struct {
	lanes  [lanes]atomic.Int64 // in bytes; these are in flight
	ahead  atomic.Int64        // beside the lanes, in flight likewise; see overtake
	beyond atomic.Int64        // of the giants
}

// ofLanes is what the lanes count of it, sum all that is in flight.
func (l *loan) ofLanes() int64 { return l.lanes[smallLane].Load() + l.lanes[largeLane].Load() }
func (l *loan) sum() int64     { return l.ofLanes() + l.ahead.Load() }

// borrow sees that c has size bytes of the budgets, in the lane for so much; it waits for
// them for at most patience. Of a giant,
// what is beyond an eighth of all is not counted as in flight, where others would wait for
// it: it takes its turn among giants, and mostly has not come yet.
func (c *Conn) borrow(size int64, patience time.Duration) error {
	s, had, l := c.shared, &c.loan, laneOf(size)
	counted := s.counted(size)
	more, beyond := counted-had.sum(), size-counted-had.beyond.Load()
	var from *budget
	if c.from != nil {
		from = &c.from.lanes[l]
	}
	keeps := had.sum() > 0
	steps := [...]struct {
		b *budget
		n int64
	}{{from, more}, {&s.giants, beyond}, {&s.lanes[l], more}, {s.budget, more}} // who waits for himself comes first
	for i, step := range steps {
		if step.b == nil || step.n <= 0 {
			continue
		}
		err := ErrBusy
		if !keeps {
			patience, err = c.takeTurn(step.b, step.n, forFrames, patience)
		} else if step.b.try(step.n, forFrames) {
			err = nil
		}
		if err == nil {
			continue
		}
		for _, step := range steps[:i] {
			if step.b != nil && step.n > 0 {
				step.b.give(step.n)
			}
		}
		if keeps {
			return c.overtake(max(0, more), max(0, beyond), patience)
		}
		return err
	}
	had.lanes[l].Add(max(0, more))
	had.beyond.Add(max(0, beyond))
	return nil
}

// overtake is borrow for who keeps some of the last frame, since more has come behind it: were
// he to wait for a lane, many might wait for each other. Beside the lanes there is an eighth of
// all for these, or one has it; he does not wait again until he has given it back.
func (c *Conn) overtake(more, beyond int64, patience time.Duration) error {
	s, had, n := c.shared, &c.loan, max(1, more)
	if had.ahead.Load() > 0 {
		s.ahead.force(n)
	} else {
		c.noteBegin(n, 0) // who waits for a lane does not wait for all who wait here
		if _, err := c.takeTurn(&s.ahead, n, forFrames, patience); err != nil {
			return err
		}
	}
	s.giants.force(beyond)
	s.budget.force(n)
	had.ahead.Add(n)
	had.beyond.Add(beyond)
	return nil
}

// fallBehind gives back what c has beside the lanes.
func (c *Conn) fallBehind() {
	s, n := c.shared, c.loan.ahead.Swap(0)
	s.giants.give(c.loan.beyond.Swap(0))
	s.ahead.give(n)
	s.budget.give(n)
}

// payBack gives back all that c has of the budgets for what it receives.
func (c *Conn) payBack() {
	s, had := c.shared, &c.loan
	c.fallBehind()
	for l := range had.lanes {
		n := had.lanes[l].Swap(0)
		s.lanes[l].give(n)
		s.budget.give(n)
		if c.from != nil {
			c.from.lanes[l].give(n)
		}
	}
}

// leisure says whether c may have n bytes more for a buffer that is larger than it need be:
// half of what there is for small frames is not for these.
func (c *Conn) leisure(n int64) bool {
	all := &c.shared.lanes[smallLane]
	if all.used.Load()+n > all.limit/2 {
		return false
	}
	if c.from == nil {
		return true
	}
	own := &c.from.lanes[smallLane]
	return own.used.Load()+n <= own.most()/4
}

// indulge takes n bytes for such a buffer.
func (c *Conn) indulge(n int64) {
	s := c.shared
	c.loan.lanes[smallLane].Add(n)
	s.lanes[smallLane].force(n)
	s.budget.force(n)
	if c.from != nil {
		c.from.lanes[smallLane].force(n)
	}
}

// keeps says whether c has some of a budget.
func (c *Conn) keeps(b *budget) bool {
	s := c.shared
	switch {
	case b == s.budget:
		return true
	case b == &s.giants:
		return c.loan.beyond.Load() > 0
	case b == &s.ahead:
		return c.loan.ahead.Load() > 0
	}
	for l := range s.lanes {
		if b == &s.lanes[l] || c.from != nil && b == &c.from.lanes[l] {
			return c.loan.lanes[l].Load() > 0
		}
	}
	return c.from != nil && b == &c.from.room
}
