package timer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"pairmq/internal/lifecycle"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
)

// Store is what a Service needs of one; *store.Store has it.
type Store interface {
	Put(ms []record.Message, done func(error)) error
	Get(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter) (store.Result, error)
	MinOffset(topic string, queueID int32) int64
	MaxOffset(topic string, queueID int32) int64
	RecordAt(phyOffset int64) ([]byte, error)
	// FindUnique returns where records may be that have this UNIQ_KEY.
	FindUnique(topic, key string, since int64, limit int) []int64
	End() int64                  // bytes; end of what was appended
	Durable() int64              // and of what is on flash
	NewestStoreTimestamp() int64 // ms since 1970; 0 for none

	// Retention keeps the log from what is needed on, and says what goes next; PutAnew
	// is Put for what lies there.
	Need(from int64)
	GoesNext() (before int64, urgent bool)
	Going() <-chan struct{}
	PutAnew(ms []record.Message, done func(error)) error
	Start() int64       // bytes; where the log begins
	SegmentSize() int64 // bytes; what it is given back in

	TimerState() (index.TimerState, error)
	NextTimers(lane int, after index.Timer, limit int) ([]index.Timer, error)
	OldestTimers(limit int) ([]index.LaneTimer, error)
	RecalledTimers() ([]int64, error)
	ChangeTimers(*index.TimerChange) error
	ForgetTimers() error
}

// Options says what a Service works with.
type Options struct {
	Store  Store        // required
	Wall   func() int64 // ms since 1970; nil means the wall clock
	Memory int          // timers that are in memory alone at most; 0 means 8192
	Log    *slog.Logger // nil discards
}

// Bounds of what is in memory, and of what is done at a time.
const (
	tailTimers   = 8192 // that the file does not have
	windowTimers = 1024 // that it has, of each lane
	batch        = 128
	batchBytes   = 1 << 20
	candidates   = 64      // records with the hash of a key that are looked at
	maxRecalled  = 1 << 16 // messages that are recalled and wait
)

const (
	// lookAgain is how often the wall clock is looked at, which may have been set.
	lookAgain = 10 * time.Second
	// commitTime is how often the file is told what has become of timers: what a start
	// reads again.
	commitTime = 10 * time.Minute
	// settleTime is how long is waited for the log to be on flash.
	settleTime = 500 * time.Millisecond
	// stopTime is how long at a stop.
	stopTime = 2 * time.Second
)

// A Service delivers what is due. Use New and Run.
type Service struct {
	st    Store
	log   *slog.Logger
	says  messages
	clock clock
	known int64 // bytes; what the log has before it was there at the start
	ahead int64 // ms; by how much the clock of spans was ahead of the log's then
	tail  int   // Options.Memory
	wake  chan struct{}

	pendingCount, pendingBytes, recalledCount atomic.Int64
	readCount, doneCount                      atomic.Int64 // since the start
	delivered                                 atomic.Pointer[progress]

	// Run's own.
	lanes     [index.TimerLanes]lane
	next      int64     // queue offset of the next waiting record to be read
	readAt    time.Time // none is read before
	read      int64     // bytes; where the waiting record ends that was read last
	end       int64     // bytes; the log has before it what was delivered, and what the file knows of
	done      int       // timers taken since the last commit
	changed   bool      // since then
	committed time.Time
	offset    int64 // ms; wall clock less clock of spans at the last commit
	count     int64 // pending timers
	bytes     int64 // and of their records
	backoff   lifecycle.Backoff
	resume    time.Time // nothing is delivered before
	failing   bool      // it was said that nothing can be delivered

	floor    int64 // bytes; timers of records before it are void
	low      int64 // bytes; of records before it no timer is pending
	rollAt   time.Time
	rolled   bool               // since the last commit
	rolling  bool               // it was said that what goes next cannot be stored anew
	noRoom   time.Time          // since when the disk has no room for it; zero: it has
	recalled map[int64]struct{} // where records lie that are not to be delivered
	fresh    []int64            // those of them that the file does not know of
	gone     []int64            // and what it need not know any more
}

// Pending is how many messages wait, and how many bytes of the log they take, as far as
// they have been looked at.
func (s *Service) Pending() (messages, bytes int64) {
	return s.pendingCount.Load(), s.pendingBytes.Load()
}

// New returns a Service for Run, of a store that stores by itself. It has Arrived
// called with what comes from now on.
func New(o Options) (*Service, error) {
	if o.Store == nil {
		return nil, errors.New("timer: Options.Store is required")
	}
	if o.Wall == nil {
		o.Wall = func() int64 { return time.Now().UnixMilli() }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Store.Need(0) // until it is known what waits
	return &Service{
		tail: cmp.Or(o.Memory, tailTimers),
		st:   o.Store, log: o.Log, says: newMessages(o.Log), clock: clock{wall: o.Wall}, known: o.Store.End(), wake: make(chan struct{}, 1),
		backoff: lifecycle.Backoff{Min: time.Second, Max: 10 * time.Second},
	}, nil
}

// Arrived is told of records that can be read from now on. It does not block.
func (s *Service) Arrived(arrivals []store.Arrival) {
	for i := range arrivals {
		if arrivals[i].Topic == Topic {
			select {
			case s.wake <- struct{}{}:
			default:
			}
			return
		}
	}
}

// Run delivers until ctx ends; it returns nil, or an error if the index's file cannot be
// read or written. What cannot be stored is tried again, later each time.
func (s *Service) Run(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.finish()
		case <-s.wake:
		case <-s.st.Going():
		case <-timer.C:
		}
		wait, err := s.round(ctx)
		if errors.Is(err, index.ErrDamaged) {
			wait, err = 0, s.beginAnew(err)
		}
		if err != nil {
			return err
		}
		timer.Reset(wait)
	}
}

// finish commits what there is at a stop. Where the log is not on flash yet it waits for
// that, a while: else what was delivered last comes again if it has no UNIQ_KEY.
func (s *Service) finish() error {
	for end := time.Now().Add(stopTime); s.changed && s.st.Durable() < max(s.read, s.end) && time.Now().Before(end); {
		time.Sleep(stopTime / 64)
	}
	return s.commit()
}

// begin goes on where the file's timers end.
func (s *Service) begin() error {
	state, err := s.st.TimerState()
	if err == nil {
		for i := range s.lanes {
			s.lanes[i] = lane{more: true}
			if err = s.lanes[i].fill(s.st, i); err != nil {
				break
			}
		}
	}
	var recalled []int64
	if err == nil {
		recalled, err = s.st.RecalledTimers()
	}
	if end := s.st.MaxOffset(Topic, 0); err == nil && state.From > end {
		err = fmt.Errorf("%w: it has the records before %d of a queue that ends at %d", index.ErrDamaged, state.From, end)
	}
	if errors.Is(err, index.ErrDamaged) {
		s.log.Error("the timers in the index are damaged; they are read from the log again", "err", err)
		state, err = index.TimerState{}, s.st.ForgetTimers()
		s.lanes, recalled = [index.TimerLanes]lane{}, nil
	}
	if err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	s.count, s.bytes, s.floor = state.Count, state.Bytes, state.Floor
	s.recalled = make(map[int64]struct{}, len(recalled))
	for _, at := range recalled {
		s.recalled[at] = struct{}{}
	}
	s.publish()
	s.next, s.read, s.end = max(state.From, s.st.MinOffset(Topic, 0)), 0, state.End
	now := s.clock.logTime(s.st.NewestStoreTimestamp())
	s.clock.base, s.clock.began = now, onTheMillisecond(time.Now())
	if state.LogTime > 0 {
		s.clock.base = state.Span + max(0, now-state.LogTime)
	}
	s.ahead = s.clock.base - now
	s.committed, s.offset = time.Now(), s.clock.wall()-s.clock.span()
	return nil
}

// beginAnew forgets all that the file has, since a part of it cannot be read, and reads it
// from the log: what was delivered is found there.
func (s *Service) beginAnew(damage error) error {
	s.log.Error("the timers in the index are damaged; they are read from the log again", "err", damage)
	if err := s.st.ForgetTimers(); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	s.known, s.next, s.low = s.st.End(), 0, 0
	s.done, s.changed, s.rolled, s.fresh, s.gone = 0, false, false, nil, nil
	return s.begin()
}

// round does what is to be done and returns how long nothing is.
func (s *Service) round(ctx context.Context) (time.Duration, error) {
	for ctx.Err() == nil {
		if time.Until(s.readAt) <= 0 { // what was read before does not wait for it
			if err := s.readQueue(); err != nil {
				s.log.Warn("waiting messages cannot be read", "queueOffset", s.next, "err", err, "retryIn", lookAgain)
				s.readAt = time.Now().Add(lookAgain)
			}
		}
		more, err := s.deliver()
		if err != nil {
			return 0, err
		}
		if s.commitDue() {
			full := s.full()
			if full && s.st.Durable() < max(s.read, s.end) {
				return settleTime, nil
			}
			if err := s.commit(); err != nil {
				return 0, err
			}
			more = more || full
		}
		rolled, err := s.roll(more)
		if err != nil {
			return 0, err
		}
		if !more && !rolled {
			return s.wait()
		}
	}
	return 0, nil
}

// full says whether memory has as much as it may that the file has not.
func (s *Service) full() bool { return len(s.lanes[spans].tail)+len(s.lanes[times].tail) >= s.tail }

func (s *Service) commitDue() bool {
	return s.full() || s.done >= s.tail || s.rolled || s.changed && (time.Since(s.committed) >= commitTime || s.stepped())
}

// stepped says whether the wall clock was set since the last commit: if the power goes
// now, the file must not take that for time that has passed.
func (s *Service) stepped() bool {
	by := s.clock.wall() - s.clock.span() - s.offset
	return by > 1000 || by < -1000
}

// readQueue takes waiting records into memory, as far as there is room.
func (s *Service) readQueue() error {
	defer s.publish()
	for !s.full() && s.st.MaxOffset(Topic, 0) > s.next {
		res, err := s.st.Get(Topic, 0, s.next, batch, batchBytes, nil)
		if err != nil {
			return err
		}
		if res.Status != store.Found {
			to := max(res.NextBeginOffset, s.st.MinOffset(Topic, 0))
			if to <= s.next {
				return nil
			}
			s.log.Error("waiting messages are not there to be read", "from", s.next, "to", to, "status", res.Status.String())
			s.next = to
			continue
		}
		now := s.clock.span()
		fresh := now - s.st.NewestStoreTimestamp() // not by the wall clock, which may have stepped since
		for body := res.Body; len(body) > 0; {
			v, err := record.Parse(body, record.Limits{Record: len(body)})
			if err != nil {
				res.Release()
				return err
			}
			body = body[v.Size():]
			if key, ok := v.Property(PropertyDelete); ok {
				s.recall(&v, string(key))
			} else if n, due, err := dueOf(&v); err != nil {
				s.says.bad.Log("a waiting message is not delivered", "queueOffset", v.QueueOffset(), "phyOffset", v.PhyOffset(), "err", err)
			} else {
				if n == spans {
					ahead := s.ahead
					if v.PhyOffset() >= s.known {
						ahead = fresh
					}
					due = max(0, min(v.StoreTimestamp()+ahead, now)+due)
				}
				if s.count == 0 {
					s.low = v.PhyOffset()
				}
				s.lanes[n].add(index.Timer{Due: due, PhyOffset: v.PhyOffset()})
				s.count, s.bytes = s.count+1, s.bytes+int64(v.Size())
				s.readCount.Add(1)
			}
			s.next, s.read, s.changed = v.QueueOffset()+1, v.PhyOffset()+int64(v.Size()), true
		}
		res.Release()
	}
	return nil
}

// publish tells others how much waits, and retention from where on.
func (s *Service) publish() {
	s.pendingCount.Store(s.count)
	s.pendingBytes.Store(s.bytes)
	s.recalledCount.Store(int64(len(s.recalled)))
	if s.count == 0 && s.next >= s.st.MaxOffset(Topic, 0) { // what is read from now on lies at the log's end
		s.st.Need(math.MaxInt64)
		return
	}
	s.st.Need(s.low)
}

// settled notes that so many timers are done, and the bytes of their records.
func (s *Service) settled(count, bytes int64) {
	s.count, s.bytes = s.count-count, s.bytes-bytes
	if s.count <= 0 {
		s.count, s.bytes = 0, 0
	}
	s.bytes = max(s.bytes, 0)
	s.publish()
}

// commit has the file know all that memory knows, if the log is on flash so far.
func (s *Service) commit() error {
	if !s.changed || s.st.Durable() < max(s.read, s.end) {
		return nil
	}
	s.forgetRecalled()
	c := index.TimerChange{
		State: index.TimerState{
			From: s.next, End: max(s.read, s.end), Floor: s.floor, Count: s.count, Bytes: s.bytes,
			Span: s.clock.span(), LogTime: s.clock.logTime(s.st.NewestStoreTimestamp()),
		},
		Recalled: s.fresh, Gone: s.gone,
	}
	for i := range s.lanes {
		c.Until[i], c.Add[i] = s.lanes[i].after, s.lanes[i].sorted()
	}
	if err := s.st.ChangeTimers(&c); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	for i := range s.lanes {
		s.lanes[i].committed()
	}
	s.done, s.changed, s.rolled, s.committed, s.offset = 0, false, false, time.Now(), s.clock.wall()-s.clock.span()
	s.fresh, s.gone = nil, nil
	return nil
}

// wait is how long nothing is due.
func (s *Service) wait() (time.Duration, error) {
	wait := time.Hour
	if s.changed {
		wait = min(wait, max(commitTime-time.Since(s.committed), settleTime))
	}
	if s.commitDue() { // the log is not on flash so far
		wait = settleTime
	}
	for i := range s.lanes {
		l := &s.lanes[i]
		if err := l.fill(s.st, i); err != nil {
			return 0, fmt.Errorf("timer: %w", err)
		}
		if t, ok := l.first(); ok {
			left := min(t.Due-s.clock.now(i), lookAgain.Milliseconds())
			wait = min(wait, time.Duration(max(left, 0))*time.Millisecond)
		}
	}
	wait = max(wait, time.Until(s.resume))
	if again := time.Until(s.readAt); again > 0 {
		wait = min(wait, again)
	}
	if before, _ := s.st.GoesNext(); before > s.low && s.count > 0 {
		wait = min(wait, max(time.Until(s.rollAt), time.Millisecond))
	}
	s.tellProgress()
	return wait, nil
}
