package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"pairmq/internal/lifecycle"
	"pairmq/store"
	"pairmq/store/record"
)

// Store is what a Scheduler needs of one; *store.Store has it.
type Store interface {
	Put(ms []record.Message, done func(error)) error
	Get(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter) (store.Result, error)
	MinOffset(topic string, queueID int32) int64
	MaxOffset(topic string, queueID int32) int64
	RecordAt(phyOffset int64) ([]byte, error)
	// FindUnique returns where records may be that have this UNIQ_KEY.
	FindUnique(topic, key string, since int64, limit int) []int64
	// CommitProgress notes the offset from which on a queue has to be worked off.
	CommitProgress(topic string, queueID int32, offset int64)
	Progress(topic string, queueID int32) (offset int64, ok bool)
	ResetProgress(topic string, queueID int32, offset int64) error
	End() int64                  // bytes; end of what was appended
	Durable() int64              // and of what is on flash
	NewestStoreTimestamp() int64 // ms since 1970; 0 for none
}

// Options says what a Scheduler works with.
type Options struct {
	Store  Store           // required
	Levels []time.Duration // required; messageDelayLevel, that of level 1 first
	Wall   func() int64    // ms since 1970; nil means the wall clock
	Log    *slog.Logger    // nil discards
}

// A Scheduler delivers delayed messages. Use New and Run.
type Scheduler struct {
	st     Store
	log    *slog.Logger
	clock  clock
	levels []*level
	count  int   // of levels to which messages come; behind them those in which some were left
	newest int64 // store timestamp at the start, ms
	wake   chan struct{}

	mu sync.Mutex // never held during I/O
}

// New returns a Scheduler for Run, of a store that stores by itself. It has Arrived
// called with what comes from now on.
func New(o Options) (*Scheduler, error) {
	if o.Store == nil || len(o.Levels) == 0 || len(o.Levels) > MaxLevels {
		return nil, fmt.Errorf("schedule: Options.Store and 1 to %d Levels are required", MaxLevels)
	}
	if o.Wall == nil {
		o.Wall = func() int64 { return time.Now().UnixMilli() }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Scheduler{st: o.Store, log: o.Log, count: len(o.Levels), clock: clock{wall: o.Wall, began: time.Now()}, wake: make(chan struct{}, 1)}
	s.newest = s.st.NewestStoreTimestamp()
	ahead := s.clock.ahead(s.newest)
	for i, d := range append(slices.Clip(o.Levels), s.leftover(o.Levels)...) {
		if d < 0 {
			continue
		}
		s.levels = append(s.levels, &level{
			queueID: int32(i), delay: d.Milliseconds(), known: s.st.MaxOffset(Topic, int32(i)), marks: marks{{0, ahead}},
			backoff: lifecycle.Backoff{Min: time.Second, Max: 10 * time.Second},
		})
	}
	return s, nil
}

// leftover are the delays of levels beyond those there are now, below 0 where nothing
// waits. How long the delay was is not known: what is left has the longest there is.
func (s *Scheduler) leftover(levels []time.Duration) (more []time.Duration) {
	for i := len(levels); i < MaxLevels; i++ {
		d := time.Duration(-1)
		if next, _ := s.st.Progress(Topic, int32(i)); s.st.MaxOffset(Topic, int32(i)) > next {
			d = slices.Max(levels)
		}
		more = append(more, d)
	}
	return more
}

// Arrived is told of records that can be read from now on. It does not block.
func (s *Scheduler) Arrived(arrivals []store.Arrival) {
	var ahead int64
	asked, wake := false, false
	for i := range arrivals {
		a := &arrivals[i]
		if a.Topic != Topic || a.QueueID < 0 || int(a.QueueID) >= s.count {
			continue
		}
		if !asked {
			asked, ahead = true, s.clock.ahead(s.st.NewestStoreTimestamp())
		}
		l := s.levels[a.QueueID]
		s.mu.Lock()
		l.marks.add(mark{a.QueueOffset, ahead}, l.delay)
		wake = wake || l.idle
		s.mu.Unlock()
	}
	if wake {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

const (
	// lookAgain is how often what waits since before the start is held against the wall
	// clock, which may have been set.
	lookAgain = 10 * time.Second
	// settleTime is how often it is looked whether what was delivered is on flash.
	settleTime = time.Second
)

// Run delivers until ctx ends; it returns nil. What cannot be stored is tried again,
// later each time. Progress that is not on flash then is not noted.
func (s *Scheduler) Run(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.settle()
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		timer.Reset(s.round())
	}
}

// begin goes on where each level was delivered.
func (s *Scheduler) begin() error {
	for _, l := range s.levels {
		next, ok := s.st.Progress(Topic, l.queueID)
		if end := s.st.MaxOffset(Topic, l.queueID); ok && next > end { // else what is stored next would be passed over
			s.log.Warn("delayed messages were delivered beyond the end of their queue", "level", l.queueID+1, "queueOffset", next, "maxOffset", end)
			if err := s.st.ResetProgress(Topic, l.queueID, end); err != nil {
				return err
			}
			next = end
		}
		if first := s.st.MinOffset(Topic, l.queueID); ok && next < first {
			s.gone(l, next, first)
		}
		l.next = max(next, s.st.MinOffset(Topic, l.queueID))
	}
	return nil
}

// gone says that messages are not delivered: the log had no room for them any more.
func (s *Scheduler) gone(l *level, from, to int64) {
	s.log.Error("delayed messages were given back with the oldest segments before they were delivered: the log is too small for its traffic",
		"level", l.queueID+1, "messages", to-from, "delay", time.Duration(l.delay)*time.Millisecond)
}

// round delivers what is due and returns how long nothing has to be done.
func (s *Scheduler) round() time.Duration {
	for {
		var sent []delivery
		results := make(chan result, len(s.levels)*batch)
		up := s.clock.up()
		for _, l := range s.levels {
			if l.due <= up || s.arrived(l) {
				sent = s.take(l, sent, results)
			}
		}
		s.await(sent, results)
		s.settle()
		if wait := s.wait(); wait > 0 {
			return wait
		}
	}
}

// arrived says whether there is something in a level in which nothing was.
func (s *Scheduler) arrived(l *level) bool {
	s.mu.Lock()
	idle := l.idle
	s.mu.Unlock()
	return idle && s.st.MaxOffset(Topic, l.queueID) > l.next
}

// wait is how long nothing is due.
func (s *Scheduler) wait() time.Duration {
	due, limit := int64(never), int64(never)
	up := s.clock.up()
	for _, l := range s.levels {
		due = min(due, l.due)
		if l.unsettled() {
			limit = min(limit, settleTime.Milliseconds())
		}
	}
	if due <= up {
		return 0
	}
	wait := min(limit, due-up)
	return time.Duration(min(wait, time.Hour.Milliseconds())) * time.Millisecond
}

// settle notes what was delivered and is on flash.
func (s *Scheduler) settle() {
	durable := s.st.Durable()
	for _, l := range s.levels {
		if next, ok := l.settled(durable); ok {
			s.st.CommitProgress(Topic, l.queueID, next)
		}
	}
}

// failed says once that a level waits, and that it goes on.
func (s *Scheduler) failed(l *level, err error) {
	wait := l.retry(&s.clock)
	if !l.failing {
		s.log.Warn("delayed messages wait longer: they cannot be stored", "level", l.queueID+1, "err", err, "retryIn", wait.Round(time.Millisecond))
	}
	l.failing = true
}

func (s *Scheduler) works(l *level) {
	if l.failing {
		s.log.Info("delayed messages are delivered again", "level", l.queueID+1)
	}
	l.failing = false
	l.backoff.Reset()
}

// patience is the level at which those wait once more whose topic takes none for now:
// the first of ten minutes, or else the longest.
func (s *Scheduler) patience() int32 {
	best := 0
	for i, l := range s.levels[:s.count] {
		if l.delay >= (10 * time.Minute).Milliseconds() {
			return int32(i + 1)
		}
		if l.delay > s.levels[best].delay {
			best = i
		}
	}
	return int32(best + 1)
}
