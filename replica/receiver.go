package replica

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"pairmq/replica/epoch"
)

// receiveBuffer is how much is read at a time, in bytes.
const receiveBuffer = 256 << 10

// sureHeartbeats is how many heartbeats in a row must name the same offset
// before the end of the slave's log for the master's to count as shorter: the
// first may come before the bytes.
const sureHeartbeats = 2

// errAhead says that the slave has more than its master.
var errAhead = errors.New("replica: the slave is ahead of its master")

// A receiver is the slave's end of one connection.
//
// What the slave reported first lies a little before its own end. The bytes up
// to there it has already: they are compared. Only when they were found equal
// does it append, and report how far it really is.
type receiver struct {
	slave *Slave
	log   Log
	nc    net.Conn
	addr  string
	link  string // by which it comes; "" if that is not known

	from   int64         // first report
	theirs epoch.History // of the master's log; nil if it knows none
	least  int64         // the least that could be
	end    int64         // of the own log when the connection began
	next   int64         // offset that must come next
	told   int64         // end of the transfer that comes now
	beats  int           // heartbeats in a row at next, while comparing
	begun  chan struct{} // closed once the ends were found equal
	active bool          // begun is closed
	empty  bool          // the own log; it is to begin at end
	early  []byte        // what came for it: less than a record
	own    [4 << 10]byte // what the own log has, to compare
}

// receive takes transfers until the connection ends, and says why.
func (r *receiver) receive() error {
	r.empty = r.end == r.log.Start()
	in := bufio.NewReaderSize(&patient{nc: r.nc, most: r.slave.opts.Silence, heard: r.slave.heard}, receiveBuffer)
	if r.from == r.end {
		if err := r.agree(); err != nil {
			return err
		}
	}
	for {
		b, err := in.Peek(headerSize)
		if err != nil {
			return closed(err)
		}
		h, err := parseHeader(b)
		if err != nil {
			return err
		}
		if err := r.begin(h); err != nil {
			return err
		}
		_, _ = in.Discard(headerSize) // peeked
		for rest := h.size; rest > 0; {
			if _, err := in.Peek(1); err != nil {
				return closed(err)
			}
			b, _ := in.Peek(min(rest, in.Buffered()))
			if err := r.take(b); err != nil {
				return err
			}
			r.slave.bytes.add(r.link, len(b))
			r.slave.speed.count(time.Now(), len(b))
			_, _ = in.Discard(len(b))
			rest -= len(b)
		}
	}
}

// closed gives the end of a stream a name that a person understands.
func closed(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("replica: the master was silent for too long")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("replica: the master closed the connection")
	}
	return fmt.Errorf("replica: receive: %w", err)
}

// begin judges the head of a transfer.
func (r *receiver) begin(h header) error {
	r.told = h.offset + int64(h.size)
	if h.offset != r.next {
		if r.empty && r.next == 0 {
			return r.first(h)
		}
		if h.size == 0 && r.next == r.from && !r.active {
			return r.elsewhere(h.offset)
		}
		return fmt.Errorf("replica: the master sends offset %d where %d comes next", h.offset, r.next)
	}
	if !r.empty {
		r.hasTold()
	}
	if h.size > 0 {
		r.beats = 0
		return nil
	}
	if r.next < r.end && !r.active {
		if r.beats++; r.beats >= sureHeartbeats {
			return r.ahead()
		}
	}
	return nil
}

// hasTold notes how far the master's log reaches.
func (r *receiver) hasTold() {
	r.slave.note(func(st *MasterStatus) { st.End = max(r.told, st.End) })
}

// first notes where the master begins to send: an empty log is to begin there.
func (r *receiver) first(h header) error {
	if size := r.log.SegmentSize(); h.offset%size != 0 {
		return fmt.Errorf("%w: the master begins at %d, no multiple of this slave's segment size %d: mappedFileSizeCommitLog must be the same on both", ErrForeign, h.offset, size)
	}
	r.from, r.end, r.next = h.offset, h.offset, h.offset
	return nil
}

// start lets an empty log begin once what came for it has a whole record, and returns how
// long that is, else 0: a master that is none must not say where the log of this slave lies.
func (r *receiver) start() (int, error) {
	n, err := r.log.Sound(r.end, r.early)
	elsewhere := r.end != r.log.Start()
	if n > 0 && err == nil && elsewhere {
		err = r.log.Reset(r.end)
	}
	if err != nil {
		return 0, fmt.Errorf("replica: begin at %d: %w", r.end, err)
	}
	if n > 0 && elsewhere {
		r.slave.said.Log("the copy begins where the master began to send", "phyOffset", r.end)
	}
	return n, nil
}

// take compares or appends bytes that lie at next.
func (r *receiver) take(b []byte) error {
	for len(b) > 0 && r.next < r.end {
		n := int(min(int64(len(b)), r.end-r.next, int64(len(r.own))))
		n, err := r.log.ReadRaw(r.own[:n], r.next)
		if n == 0 {
			return fmt.Errorf("%w: read at %d: %w", errLog, r.next, err)
		}
		if same := bytes.Equal(b[:n], r.own[:n]); !same {
			at := 0
			for b[at] == r.own[at] {
				at++
			}
			return r.differ(r.next + int64(at))
		}
		r.next += int64(n)
		b = b[n:]
	}
	if r.next < r.end {
		return nil
	}
	if !r.active {
		if err := r.agree(); err != nil {
			return err
		}
	}
	if len(b) == 0 {
		return nil
	}
	var rest []byte
	if r.empty {
		r.next += int64(len(b))
		r.early = append(r.early, b...)
		n, err := r.start()
		if n == 0 {
			return err
		}
		b, rest = r.early[:n], r.early[n:]
		r.empty, r.early, r.next = false, nil, r.end
		r.hasTold()
	}
	if err := r.log.AppendRaw(r.next, b); err != nil {
		return fmt.Errorf("replica: append at %d: %w", r.next, err)
	}
	r.next += int64(len(b))
	return r.take(rest)
}

// agree begins to append and to report.
func (r *receiver) agree() error {
	s := r.slave
	if r.theirs != nil {
		if err := s.opts.Histories.Adopt(r.theirs); err != nil {
			return fmt.Errorf("%w: keep the master's epochs: %w", errLog, err)
		}
	}
	r.active = true
	close(r.begun)
	s.back = s.opts.Overlap
	s.note(func(st *MasterStatus) {
		st.Addr, st.Connected, st.Since, st.Err = r.addr, true, time.Now(), nil
	})
	if r.theirs != nil {
		s.opts.Joined()
	}
	s.said.Log("replicating", "master", r.addr, "phyOffset", r.end, "compared", r.end-r.from, "epoch", r.theirs.Last().String())
	return nil
}

// differ handles a byte at off that is not the master's: it goes further back
// on the next connection until it has seen a whole record that both have, and
// then sets aside what follows the last of them.
func (r *receiver) differ(off int64) error {
	cut, err := r.log.Boundary(off)
	if err != nil {
		return fmt.Errorf("%w: find the record at %d: %w", errLog, off, err)
	}
	common := cut > r.from
	if common && r.from > r.least {
		before, err := r.log.Boundary(cut - 1)
		if err != nil {
			return fmt.Errorf("%w: find the record before %d: %w", errLog, cut, err)
		}
		common = before >= r.from
	}
	if r.slave.keeps {
		return fmt.Errorf("%w at %d", errParted, off)
	}
	if !common {
		return r.stepBack(off)
	}
	return r.setAside(cut, fmt.Errorf("replica: the logs part at %d", cut))
}

// stepBack lets the next connection compare four times as much.
func (r *receiver) stepBack(off int64) error {
	if r.from <= r.least {
		return fmt.Errorf("%w: they part at %d, and nothing before it is the same; if this slave is to follow this master, move its store away", ErrForeign, off)
	}
	r.slave.back = max(4*r.slave.back, r.slave.opts.Overlap)
	r.slave.Retry()
	return fmt.Errorf("replica: the logs differ at %d; comparing from %d bytes before the end next", off, r.slave.back)
}

// ahead handles a master whose log ends before the slave's.
func (r *receiver) ahead() error {
	if r.slave.keeps {
		return errAhead
	}
	cut, err := r.log.Boundary(r.next)
	if err != nil {
		return fmt.Errorf("%w: find the record at %d: %w", errLog, r.next, err)
	}
	if cut <= r.from { // no whole record was found equal: it may end further back
		return r.stepBack(r.next)
	}
	return r.setAside(cut, fmt.Errorf("%w: its log ends at %d, this one at %d", errAhead, r.next, r.end))
}

// elsewhere handles a master of ours that says with its first word that its log
// is not where this slave wanted to begin to compare: it ends before, or begins
// behind. The next connection compares there.
func (r *receiver) elsewhere(offset int64) error {
	s := r.slave
	switch {
	case offset > r.end:
		return fmt.Errorf("%w: this log ends at %d and the master's begins at %d; empty this slave's store, it then copies all there is", ErrForeign, r.end, offset)
	case offset > r.from:
		s.back = r.end - offset
	case s.keeps:
		return errAhead
	case r.from <= r.least:
		return r.stepBack(offset)
	default:
		s.back = r.end - offset + s.opts.Overlap
	}
	s.Retry()
	return fmt.Errorf("replica: the master's log is at %d, this one at %d; comparing from %d bytes before the end next", offset, r.end, s.back)
}

// setAside cuts the own log off at cut and returns why, with where the rest is.
func (r *receiver) setAside(cut int64, why error) error {
	s := r.slave
	if err := s.setAside(cut, r.end, why); err != nil {
		return err
	}
	s.Retry()
	return fmt.Errorf("%w; %d bytes were set aside in %s", why, r.end-cut, s.Status().SetAside)
}

// report reports to the master how far the slave is, when that has grown and
// before the master grows impatient, until gone is closed. last is what it has
// reported.
func (r *receiver) report(last int64, gone <-chan struct{}) {
	beat := time.NewTicker(r.slave.opts.Heartbeat)
	defer beat.Stop()
	var grown <-chan struct{}
	begun := r.begun
	for {
		select {
		case <-gone:
			return
		case <-begun:
			begun, grown = nil, r.slave.grown
		case <-grown:
		case <-beat.C:
			if r.writeReport(last) != nil {
				return // the receiver sees it too
			}
			continue
		}
		if end := r.log.Acked(); end > last {
			if r.writeReport(end) != nil {
				return
			}
			last = end
			r.slave.level()
			beat.Reset(r.slave.opts.Heartbeat)
		}
	}
}

func (r *receiver) writeReport(end int64) error {
	if err := r.nc.SetWriteDeadline(time.Now().Add(r.slave.opts.Silence)); err != nil {
		return err
	}
	var b [reportSize]byte
	_, err := r.nc.Write(appendReport(b[:0], end))
	return err
}

// heard notes that the master lives.
func (s *Slave) heard() { s.note(func(st *MasterStatus) { st.Heard = time.Now() }) }

// patient reads from nc and gives up when nothing came for most.
type patient struct {
	nc    net.Conn
	most  time.Duration
	heard func()
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.nc.SetReadDeadline(time.Now().Add(p.most)); err != nil {
		return 0, err
	}
	n, err := p.nc.Read(b)
	if n > 0 {
		p.heard()
	}
	return n, err
}
