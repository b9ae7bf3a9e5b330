package pop

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"pairmq/internal/lifecycle"
	"pairmq/internal/warner"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
	"pairmq/store/table"
)

// Store is what a Service needs of one; *store.Store has it.
type Store interface {
	Put(ms []record.Message, done func(error)) error
	Get(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter) (store.Result, error)
	GetWithin(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter, room store.Room) (store.Result, error)
	MinOffset(topic string, queueID int32) int64
	MaxOffset(topic string, queueID int32) int64
	CommitOffset(group, topic string, queueID int32, offset int64)
	ResetOffsets([]table.Offset) error
	Offset(group, topic string, queueID int32) (int64, bool)
	AllOffsets() map[string][]index.GroupOffset
	Topic(name string) (table.Topic, bool)
	Group(name string) (table.Group, bool)
	Deleted() map[string]int64
	Notes() (map[string][]byte, error)
	SetNotes(map[string][]byte) error
	End() int64     // bytes; end of what was appended
	Durable() int64 // and of what is on flash
}

// Options says what a Service works with.
type Options struct {
	Store Store                                  // required
	Make  func(topic string) error               // required; makes a topic of a group's own with one queue, unless it is there
	Young func(topic string, queueID int32) bool // required; says whether a new group begins at 0 in any case
	// Opened is told that a queue, one of a retry topic too, may have messages for a group
	// that it had not before. It must not block; nil means nobody is.
	Opened func(group, topic string, queueID int32)
	Revive string // the topic in which an Apache master has noted what it gave out

	QueueFlights int          // messages that a group has in flight of one queue; 0 means 10,000
	Flights      int          // of all queues, some 120 bytes each; 0 means 50,000
	Wall         func() int64 // ms since 1970; nil means the wall clock
	Log          *slog.Logger // nil discards
}

// ErrBusy: too much is in flight.
var ErrBusy = errors.New("pop: too many messages are popped and not acknowledged")

// maxQueues bounds the queues of groups that a Service knows.
const maxQueues = 100_000

// sayAtOnce is how many lines of one kind are logged at once that each tell of one
// message; then it is one a second.
const sayAtOnce = 100

// A Service is what groups have popped. Use New and Run.
type Service struct {
	o     Options
	st    Store
	log   *slog.Logger
	lost  *warner.Warner // messages that do not come again
	began time.Time
	wake  chan struct{}

	steady   sync.RWMutex // held by pops, and alone by who resets offsets or deletes something
	starting sync.Mutex   // held while it is set where a new group begins

	mu      sync.Mutex // never held during I/O
	queues  map[queueKey]*queue
	turns   map[[2]string]uint32 // of group and topic: how often it was popped
	agenda  agenda
	landing []*flight // stored once more, and not known to be on flash
	count   int       // flights of all queues, and messages of rounds
	idle    int       // messages of rounds that are idle
	changed []*queue
	opened  []queueKey // could not be popped, and can now; see unlock
	keepAt  int64      // when changed is kept; see up
	sleep   int64      // until when Run sleeps

	reviveAt int64                // when it is looked at the revive topic; see up
	late     map[lateAck]struct{} // of what is in flight there

	// Run's own:
	failing  bool // what is due cannot be stored
	failedAt int64
	backoff  lifecycle.Backoff
	revival  revival
}

// never is a time that does not come.
const never = int64(1) << 62

// New returns a Service for Run, of a store that stores by itself, with what the last one
// kept. What is beyond the end of its queue is not believed, and forgotten durably.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Make == nil || o.Young == nil {
		return nil, errors.New("pop: Options.Store, Make and Young are required")
	}
	if o.Opened == nil {
		o.Opened = func(string, string, int32) {}
	}
	if o.Wall == nil {
		o.Wall = func() int64 { return time.Now().UnixMilli() }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.QueueFlights, o.Flights = cmp.Or(o.QueueFlights, 10_000), cmp.Or(o.Flights, 50_000)
	s := &Service{
		o: o, st: o.Store, log: o.Log, lost: &warner.Warner{To: o.Log, Level: slog.LevelWarn, Burst: sayAtOnce}, began: time.Now(), wake: make(chan struct{}, 1), queues: map[queueKey]*queue{}, turns: map[[2]string]uint32{},
		late: map[lateAck]struct{}{}, keepAt: never, sleep: never, backoff: lifecycle.Backoff{Min: time.Second, Max: maxBackoff},
	}
	s.revival = newRevival(s.st, o.Revive)
	if len(s.revival.queues) == 0 {
		s.reviveAt = never
	}
	return s, s.load()
}

// up is how long the service is there, in ms.
func (s *Service) up() int64 { return time.Since(s.began).Milliseconds() }

// Run has messages come again whose time is over until ctx ends, and keeps what has
// changed; it returns nil.
func (s *Service) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.land()
			for _, q := range s.revival.queues {
				s.landRevived(q)
			}
			s.Keep()
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		s.expire()
		s.revive(ctx)
		s.land()
		s.mu.Lock()
		due := s.keepAt <= s.up()
		s.mu.Unlock()
		if due {
			s.Keep()
		}
		timer.Reset(s.rest())
	}
}

// landTime is how often it is looked whether what was stored once more is on flash.
const landTime = time.Second

// rest is how long nothing has to be done.
func (s *Service) rest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	up := s.up()
	s.sleep = min(s.keepAt, s.reviveAt)
	if len(s.agenda) > 0 {
		s.sleep = min(s.sleep, s.agenda[0].due)
	}
	if len(s.landing) > 0 {
		s.sleep = min(s.sleep, up+landTime.Milliseconds())
	}
	return time.Duration(min(max(s.sleep-up, 0), time.Hour.Milliseconds())) * time.Millisecond
}

// sooner wakes Run if it sleeps beyond a time. s.mu is held.
func (s *Service) sooner(at int64) {
	if at < s.sleep {
		s.sleep = at
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}
