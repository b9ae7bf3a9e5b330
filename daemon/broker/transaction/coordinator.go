package transaction

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pairmq/internal/lifecycle"
	"pairmq/internal/warner"
	"pairmq/store"
	"pairmq/store/index"
	"pairmq/store/record"
)

// Store is what a Coordinator needs of one; *store.Store has it.
type Store interface {
	Put(ms []record.Message, done func(error)) error
	Get(topic string, queueID int32, offset int64, maxMsgs, maxBytes int, f store.Filter) (store.Result, error)
	MinOffset(topic string, queueID int32) int64
	MaxOffset(topic string, queueID int32) int64
	// Units reads entries of a queue from an offset on, and returns how many.
	Units(topic string, queueID int32, from int64, dst []index.Unit) int
	RecordAt(phyOffset int64) ([]byte, error)
	// FindUnique returns where records may be that have this UNIQ_KEY.
	FindUnique(topic, key string, since int64, limit int) []int64
	// CommitProgress and the next two keep how far a queue is worked off.
	CommitProgress(topic string, queueID int32, offset int64)
	Progress(topic string, queueID int32) (int64, bool)
	ResetProgress(topic string, queueID int32, offset int64) error
	End() int64     // bytes; end of what was appended
	Durable() int64 // and of what is on flash
}

// Options says what a Coordinator works with.
type Options struct {
	Store    Store          // required
	Host     netip.AddrPort // the broker's, which ops are from
	Timeout  time.Duration  // transactionTimeOut: how long a producer is not asked; 0 means 6 s
	Interval time.Duration  // transactionCheckInterval: from one round of asking to the next; 0 means 30 s
	CheckMax int            // transactionCheckMax: how often a producer is asked; 0 means 15
	Reserved time.Duration  // fileReservedTime: a half that waits longer is given up; 0 means 72 h
	// Ask has a producer asked; it does not block, and keeps nothing of what it is given.
	Ask  func(Check)
	Wall func() int64 // ms since 1970; nil means the wall clock
	Log  *slog.Logger // nil discards
}

// Bounds.
const (
	maxSpan    = 1 << 24 // halves from the oldest that is open to the newest: 2 MiB of bits
	maxOpen    = 1 << 16 // halves that were asked for and are open, some 100 bytes each
	maxWaiting = 16      // decisions that wait until another one of the same half is stored
	maxAgain   = 1024    // of all halves
)

var (
	// ErrNoHalf: no half is at that place in the log.
	ErrNoHalf = errors.New("transaction: there is no half")
	// ErrGroup: a half is another producer group's.
	ErrGroup = errors.New("transaction: another producer group's half")
	// ErrOffset: a half has another queue offset.
	ErrOffset = errors.New("transaction: another queue offset than the half's")
	// ErrEnded: a half was decided otherwise before, or given up.
	ErrEnded = errors.New("transaction: it has ended otherwise")
	// ErrBusy: there is too much to do.
	ErrBusy = errors.New("transaction: too many are open, or being ended")
	// ErrNotReady: it is being read which halves are open.
	ErrNotReady = errors.New("transaction: the broker has just started")

	errOver = fmt.Errorf("transaction: %w: the broker is stopping", store.ErrReadOnly)
)

// sayAtOnce is how many lines of one kind are logged at once that each tell of one
// transaction; then it is one a second.
const sayAtOnce = 100

// A Coordinator keeps halves. Use New and Run.
type Coordinator struct {
	o     Options
	st    Store
	log   *slog.Logger
	given *warner.Warner // transactions that are given up
	began time.Time
	again chan waiting // decisions that have waited

	// Of the goroutine that asks alone.
	arrivals arrivals
	point    point // where a start could go on, by the last round
	failing  bool  // it was said that a round could not be ended

	mu       sync.Mutex // never held during I/O; guards the rest
	loaded   bool
	known    int64 // queue offset; halves before it were there at the start
	done     window
	asked    map[int64]int64    // by origin, queue offset of the newest incarnation of those that are open and were asked for
	owed     map[int64][]int64  // by origin, queue offsets of older incarnations that have no op yet
	busy     map[int64]*ending  // by origin
	resuming map[int64]struct{} // where halves lie, bytes, that were given up and are being stored once more
	ops      opProgress
	noting   int  // ops that are being stored and are not in ops yet
	queued   int  // decisions in again or waiting to get there
	over     bool // Run has ended, or is about to: nobody takes from again
}

// An ending is a half that is being decided or stored once more.
type ending struct{ waiting []waiting }

// A waiting is a decision that waits for an ending of the same half.
type waiting struct {
	Decision
	done func(error)
}

// A point is a progress that is durable once the log is before end.
type point struct{ half, op, end int64 }

// New returns a Coordinator for Run, of a store that stores by itself.
func New(o Options) (*Coordinator, error) {
	if o.Store == nil || o.Ask == nil {
		return nil, errors.New("transaction: Options.Store and Ask are required")
	}
	for _, d := range []struct {
		p   *time.Duration
		def time.Duration
	}{{&o.Timeout, 6 * time.Second}, {&o.Interval, 30 * time.Second}, {&o.Reserved, 72 * time.Hour}} {
		if *d.p <= 0 {
			*d.p = d.def
		}
	}
	if o.CheckMax <= 0 {
		o.CheckMax = 15
	}
	if o.Wall == nil {
		o.Wall = func() int64 { return time.Now().UnixMilli() }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Coordinator{
		o: o, st: o.Store, log: o.Log, began: time.Now(), given: &warner.Warner{To: o.Log, Level: slog.LevelError, Burst: sayAtOnce}, again: make(chan waiting, maxAgain),
		asked: map[int64]int64{}, owed: map[int64][]int64{}, busy: map[int64]*ending{}, resuming: map[int64]struct{}{},
	}, nil
}

// up is how long the Coordinator has been running, in ms.
func (c *Coordinator) up() int64 { return time.Since(c.began).Milliseconds() }

// Run asks for halves until ctx ends; it returns nil. What cannot be read or stored is
// tried again.
func (c *Coordinator) Run(ctx context.Context) error {
	g := lifecycle.NewGroup(ctx)
	g.Go("decisions", c.decide)
	g.Go("checks", c.check)
	return g.Wait()
}

// decide goes on with decisions that have waited. When ctx ends it refuses them: who
// waits for an answer would hold up the stop.
func (c *Coordinator) decide(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case w := <-c.again:
			c.mu.Lock()
			c.queued--
			c.mu.Unlock()
			if err := c.End(w.Decision, w.done); err != nil {
				w.done(err)
			}
		}
	}
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	for {
		select {
		case w := <-c.again:
			w.done(errOver)
		default:
			return nil
		}
	}
}

// check asks for halves, an Interval after the start first.
func (c *Coordinator) check(ctx context.Context) error {
	if !c.begin(ctx) {
		return nil
	}
	tick := time.NewTicker(max(min(c.o.Timeout, c.o.Interval)/4, 10*time.Millisecond))
	defer tick.Stop()
	next := c.up() + c.o.Interval.Milliseconds()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		up := c.up()
		c.arrivals.note(sample{c.st.MaxOffset(HalfTopic, 0), up})
		if up < next {
			continue
		}
		c.round(ctx)
		next = c.up() + c.o.Interval.Milliseconds()
	}
}

// begin reads which halves are open, until that works; false if ctx has ended.
func (c *Coordinator) begin(ctx context.Context) bool {
	backoff := lifecycle.Backoff{Min: time.Second, Max: 10 * time.Second}
	for {
		err := c.load(ctx)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			return true
		}
		wait := backoff.Next()
		c.log.Warn("it cannot be read which transactions are open: none is ended", "err", err, "retryIn", wait)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

// Room fails with ErrBusy while no more halves can be taken.
func (c *Coordinator) Room() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded && c.st.MaxOffset(HalfTopic, 0)-c.done.base >= maxSpan {
		return ErrBusy
	}
	return nil
}

// current returns where the newest incarnation of a half is, if it is open. c.mu is held.
func (c *Coordinator) current(h *half) (at int64, open bool) {
	if at, open = c.asked[h.origin]; open {
		return at, true
	}
	return h.offset, h.origin == h.offset && !c.done.has(h.offset)
}

// claim keeps others from an open half until release. c.mu is held.
func (c *Coordinator) claim(h *half) { c.busy[h.origin] = &ending{} }

// release ends a claim: change, if not nil, says what became of the half.
func (c *Coordinator) release(h *half, change func()) {
	c.mu.Lock()
	e := c.busy[h.origin]
	delete(c.busy, h.origin)
	if change != nil {
		change()
	}
	over := c.over
	for _, w := range e.waiting {
		if !over {
			c.again <- w // there is room: wait counts them
		}
	}
	c.mu.Unlock()
	for _, w := range e.waiting {
		if over {
			w.done(errOver)
		}
	}
}

// close notes that nothing is left to be done for a half whose newest incarnation is at
// an offset. c.mu is held.
func (c *Coordinator) close(h *half, at int64) {
	c.done.set(at)
	c.done.set(h.origin)
	delete(c.asked, h.origin)
	delete(c.owed, h.origin)
}

// putOp stores the op for the incarnation of a half at a queue offset, behind those that
// are owed for older ones.
func (c *Coordinator) putOp(h *half, at int64, done func(error)) error {
	c.mu.Lock()
	offsets := append(slices.Clone(c.owed[h.origin]), at)
	c.noting++
	c.mu.Unlock()
	ms := make([]record.Message, len(offsets))
	for i, offset := range offsets {
		ms[i] = record.Message{
			Topic: OpTopic, BornTimestamp: c.o.Wall(), BornHost: c.o.Host,
			Body: appendOp(nil, offset), Properties: record.AppendProperty("", record.PropertyTags, tagDecided),
		}
	}
	err := c.st.Put(ms, done)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noting--
	if err != nil {
		return fmt.Errorf("transaction: op for queue offset %d: %w", at, err)
	}
	for i, offset := range offsets {
		c.ops.note(ms[i].QueueOffset, offset)
	}
	delete(c.owed, h.origin)
	return nil
}

// stored says whether a message is in the log, whatever was promised of it.
func stored(err error) bool {
	return err == nil || errors.Is(err, store.ErrNoSlave) || errors.Is(err, store.ErrSlaveTimeout) || errors.Is(err, store.ErrFlushTimeout)
}
