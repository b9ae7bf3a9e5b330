package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"pairmq/internal/lifecycle"
	"pairmq/internal/warner"
)

// ErrForeign is wrapped where master and slave are not two copies of one log,
// and a person has to decide which one is wanted.
var ErrForeign = errors.New("replica: the logs do not belong together")

// dialTime is how long a connection may take to come about.
const dialTime = 5 * time.Second

// SlaveOptions say whose log a slave copies and where to.
type SlaveOptions struct {
	Log       Log                                                      // required
	Master    func() string                                            // host:port of the master's replication port; empty while it is not known
	Heartbeat time.Duration                                            // longest silence towards the master; 0 means 5 s
	Silence   time.Duration                                            // of the master, after which it is left; 0 means 20 s
	Overlap   int64                                                    // bytes compared on each connection; 0 means 64 KiB
	Histories Histories                                                // nil: the bytes alone are compared
	Joined    func()                                                   // called when the log was found to be a copy of that of a master with epochs; must not block; nil is allowed
	Via       func(local, remote netip.Addr) (link string)             // names the link that a connection uses, to count its bytes; nil: not counted
	Trust     Trust                                                    // whom it may follow; the zero value: everybody
	Notes     *slog.Logger                                             // nil discards
	Dial      func(ctx context.Context, addr string) (net.Conn, error) // nil dials TCP
}

// A Slave copies a master's log.
type Slave struct {
	opts     SlaveOptions
	notes    *slog.Logger
	said     *warner.Warner // that it replicates
	warned   *warner.Warner // that it does not
	kick     chan struct{}  // try again at once
	grown    chan struct{}  // Acked has moved
	keeps    bool           // nothing of the log is ever cut off: see Fetch
	bytes    traffic        // of log that came
	speed    speed
	unproven unproven
	back     int64 // bytes to compare on the next connection; receiver's own

	mu     sync.Mutex
	status MasterStatus
	bare   net.Conn // to the master, which has proven nothing; nil: there is none
	to     string   // where it was dialled
}

// A MasterStatus is what a slave knows of its master.
type MasterStatus struct {
	Addr      string    // empty while it is not known
	Connected bool      // and the ends of both logs were found equal
	Since     time.Time // of Connected, or of its end
	Heard     time.Time // when bytes last came
	End       int64     // of the master's log, as far as is known; bytes
	Speed     int64     // bytes of log that came in the last whole second
	Err       error     // why the last connection ended; nil while it lives
	Level     time.Time // when this log last had all of that; zero if it never had
	SetAside  string    // file that holds what was cut off last

	SetAsideBytes int64 // that were cut off since the start
}

// NewSlave returns a Slave for Run.
func NewSlave(o SlaveOptions) *Slave {
	o.Heartbeat, o.Silence = cmp.Or(o.Heartbeat, defaultHeartbeat), cmp.Or(o.Silence, defaultSilence)
	o.Overlap = cmp.Or(o.Overlap, 64<<10)
	if o.Notes == nil {
		o.Notes = slog.New(slog.DiscardHandler)
	}
	if o.Joined == nil {
		o.Joined = func() {}
	}
	if o.Dial == nil {
		d := &net.Dialer{Timeout: dialTime, KeepAlive: 15 * time.Second}
		o.Dial = func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }
	}
	said, warned := &warner.Warner{To: o.Notes, Burst: sayAtOnce}, &warner.Warner{To: o.Notes, Level: slog.LevelWarn, Burst: sayAtOnce}
	return &Slave{opts: o, notes: o.Notes, said: said, warned: warned, kick: make(chan struct{}, 1), grown: make(chan struct{}, 1), back: o.Overlap}
}

// Grown says that Log's Acked has moved. It does not block.
func (s *Slave) Grown() { poke(s.grown) }

// Retry ends a wait between two attempts: the link came up, the master is
// somewhere else. It does not block.
func (s *Slave) Retry() { poke(s.kick) }

// PeersChanged leaves a master that has proven nothing and may not be the other half any more, and
// tries again at once: whom Trust takes has changed. It does not block.
func (s *Slave) PeersChanged() {
	s.mu.Lock()
	nc, to := s.bare, s.to
	s.mu.Unlock()
	if nc != nil && !s.opts.Trust.takes(nc, to) {
		_ = nc.Close() // follow says why it is over
	}
	s.Retry()
}

// rests notes a connection that goes on without a proof; nil: it has ended.
func (s *Slave) rests(nc net.Conn, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bare, s.to = nc, to
}

// Status returns what is known of the master now.
func (s *Slave) Status() MasterStatus {
	s.level()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Speed = s.speed.count(time.Now(), 0)
	return s.status
}

// Traffic is how many bytes of log have come over each link that Via has named,
// since the Slave was made.
func (s *Slave) Traffic() map[string]int64 { return s.bytes.all() }

// level notes the time if this log has all that is known of the master's.
func (s *Slave) level() {
	end := s.opts.Log.Acked()
	s.note(func(st *MasterStatus) {
		if st.Connected && end >= st.End {
			st.Level = time.Now()
		}
	})
}

func (s *Slave) note(f func(*MasterStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.status)
}

// Run follows the master, and connects again whenever that ends, until ctx
// does; it returns nil. A log that fails is tried again too: what it has can be
// read meanwhile. A state is logged once when it begins, not at every attempt.
func (s *Slave) Run(ctx context.Context) error {
	wait := lifecycle.Backoff{Min: 200 * time.Millisecond, Max: 5 * time.Second}
	var told string
	for ctx.Err() == nil {
		addr := s.opts.Master()
		began := time.Now()
		err := errors.New("replica: no name server knows the master yet")
		if addr != "" {
			err = s.follow(ctx, addr)
		}
		if ctx.Err() != nil {
			return nil
		}
		joined := false
		s.note(func(st *MasterStatus) {
			if joined = st.Connected; joined || st.Since.IsZero() {
				st.Since = time.Now()
			}
			st.Addr, st.Connected, st.Err = addr, false, err
		})
		if text := addr + err.Error(); joined || text != told {
			told = text
			s.warned.Log("not replicating", "master", addr, "phyOffset", s.opts.Log.End(), "err", err)
		}
		if joined && time.Since(began) > time.Second {
			wait.Reset()
		}
		s.pause(ctx, wait.Next())
	}
	return nil
}

// errLog says that the slave's own log has failed.
var errLog = errors.New("replica: the slave's log failed")

func (s *Slave) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.kick:
	case <-ctx.Done():
	}
}

// follow copies from the master at addr until the connection ends, and says why.
func (s *Slave) follow(ctx context.Context, addr string) error {
	l := s.opts.Log
	theirs, err := s.meet(ctx)
	if err != nil {
		return err
	}
	raw, err := s.opts.Dial(ctx, addr)
	if err != nil {
		return fmt.Errorf("replica: connect: %w", err)
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	nc, err := s.introduce(raw, addr, theirs)
	if err != nil {
		return err
	}
	if nc == raw {
		s.rests(raw, addr)
		defer s.rests(nil, "")
		if !s.opts.Trust.takes(raw, addr) { // not any more, and PeersChanged may not have seen it
			return errStranger
		}
	}
	s.heard()
	end := l.End()
	from, least := end, max(l.Start(), 1) // to a report of 0 a stock master answers with its last segment
	if end > l.Start() {
		from = max(least, min(end, l.Acked())-s.back) // what was found equal may be reported
	}
	r := &receiver{slave: s, log: l, nc: nc, addr: addr, theirs: theirs, from: from, least: least, next: from, end: end, begun: make(chan struct{})}
	if s.opts.Via != nil {
		local, remote := ends(nc)
		r.link = s.opts.Via(local, remote)
	}
	if err := r.writeReport(from); err != nil {
		return fmt.Errorf("replica: report to the master: %w", err)
	}
	var reporter sync.WaitGroup
	gone := make(chan struct{})
	reporter.Go(func() { r.report(from, gone) })
	err = r.receive()
	close(gone)
	reporter.Wait()
	return err
}
