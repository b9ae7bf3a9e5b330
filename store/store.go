package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/hal/disk"
	"pairmq/internal/lifecycle"
	"pairmq/internal/spare"
	"pairmq/store/commitlog"
	"pairmq/store/index"
	"pairmq/store/record"
)

// What a caller may have to tell apart. Each is wrapped with the numbers that
// locate it.
var (
	// ErrFailed: a write or sync failed. It is final: reads go on, nothing is
	// stored until a restart has recovered the log.
	ErrFailed = errors.New("store: stopped after a disk failure")
	// ErrReadOnly: recovery found damage in the middle of the log, or the
	// store is closing.
	ErrReadOnly = errors.New("store: read-only")
	// ErrHalted: no messages are taken for now; its text says why. Trying another
	// broker may work, or later.
	ErrHalted = errors.New("store: takes no messages for now")
	// ErrDiskFull: there is no room for the next segment. Trying later may work.
	ErrDiskFull = errors.New("store: disk full")
	// ErrQuota: the log holds as much of the topic as Options.Quota allows; nothing
	// was stored. Trying later may work.
	ErrQuota = errors.New("store: the topic has reached its quota")
	// ErrBusy: the disk does not keep up; nothing was stored.
	ErrBusy = errors.New("store: the disk is too slow")
	// ErrFlushTimeout: the message is stored but was not on flash in time. What
	// becomes of it is unknown.
	ErrFlushTimeout = errors.New("store: not flushed in time")
	// ErrTooLarge: the messages do not fit in one segment, or in their topic's quota.
	ErrTooLarge = errors.New("store: too large")
	// ErrNotFound: no record lies at that offset.
	ErrNotFound = errors.New("store: no such record")
	// ErrSlaveTimeout: the message is stored, but no slave had it in time. What
	// becomes of it is unknown.
	ErrSlaveTimeout = errors.New("store: not replicated in time")
	// ErrNoSlave: the message is stored, and there is no slave that could have it.
	ErrNoSlave = errors.New("store: no slave to replicate to")
)

// MaxRecord is the largest record that is believed, in bytes: no frame of the protocol
// carries more. It is no option, since the log has what an older configuration let in.
const MaxRecord = 16<<20 + 64<<10

// Options says where a Store lives and when it forces data to flash.
type Options struct {
	FS          disk.FS        // required
	StoreHost   netip.AddrPort // what records carry as the broker's address
	SegmentSize int64          // bytes per commit log file; 0 means 64 MiB; a pair must agree
	SyncFlush   bool           // a send waits for fdatasync
	// Within says of each topic how soon its messages are on flash after they were
	// answered: 0 before that. It is asked often. nil has all as SyncFlush says;
	// otherwise a power cut can tear more of the log.
	Within func(topic string) time.Duration
	// Quota says how many bytes of a topic's records the log may hold, 0 for no limit;
	// see ErrQuota. It is asked often and always says the same. nil limits nobody.
	Quota         func(topic string) int64
	FlushInterval time.Duration // age of the oldest unsynced byte without SyncFlush; 0 means 500 ms
	FlushLinger   time.Duration // wait for a larger batch before a sync; 0 means none
	FlushTimeout  time.Duration // a sender is told ErrFlushTimeout after it; 0 means 5 s
	RecordCRC     bool          // add RocketMQ's __CRC32# property to each record
	Reserved      time.Duration // a segment is kept this long after its last record; 0 means 72 h
	MaxBytes      int64         // bytes that all of the store may take on disk; 0 means no limit of its own
	SetAsideBytes int64         // of what recovery and truncation took out of the log, kept below quarantine/; 0 means 256 MiB
	Watermarks    Watermarks    // what happens when the file system fills up; zero means nothing before it is full
	// Recovering is told, by Open, every second that recovery takes, how many bytes
	// of the log it has read and about how many there are to be read. nil is allowed.
	Recovering    func(done, total int64)
	Arrived       func([]Arrival) // called from one goroutine once records are visible; nil is allowed
	Grown         func(end int64) // called from one goroutine when Confirmed has moved; nil is allowed
	TablesChanged func()          // called after each change that Versions counts; must not block; nil is allowed
	// Flawed is told of parts of the log that the medium has lost, one call at a
	// time; what it repairs is looked at again. It returns those that cannot be had
	// back: if the medium still does not have them, consumers are led around. It is
	// asked again every minute for the others. nil: nothing can be had back.
	Flawed func(ctx context.Context, flaws []Flaw) (gone []Flaw)
	Copy   bool // records come from another store, by Follow
	Hold   bool // records wait for Release once they are confirmed
	// Decide, if set, says what Copy and Hold are, by what SetValue kept. It is
	// called once, before the log is recovered.
	Decide func(value func(key string) []byte) (copies, holds bool)
	// OpenBehind has Open return, with a store that is read-only, when the index lacks
	// more than two segments of the log: see CaughtUp. Otherwise it waits until all is
	// indexed.
	OpenBehind   bool
	CountTopics  int          // topics of which is counted what goes in and out, each by itself; the rest is counted together; 0 means 100
	IndexNoSync  bool         // tests on a simulated disk: bbolt need not sync the real one
	JournalBytes int64        // size of the consumer offset journal; 0 means index's default
	ChunkBytes   int64        // bytes of log per index chunk; 0 means index's default
	Log          *slog.Logger // nil discards
}

// A Store is one broker's memory. Its methods may be called from any
// goroutine, Run and Close from one.
type Store struct {
	opts  Options
	log   *slog.Logger
	lock  io.Closer
	clog  *commitlog.Log
	index *index.Index

	queues  queueTable
	pending pendingQueue
	quotas  quotas
	needed  needed
	opened  time.Time // monotonic

	cleaning sync.Mutex   // one who gives back segments, or cuts them off; guards ages and ballast
	ages     ages         // see there
	ballast  bool         // it is known to be there
	others   atomic.Int64 // bytes of the store's folder beside the log, when it was looked at last
	level    atomic.Uint32
	scrubber scrubber

	sealC   chan struct{} // durable moved: perhaps a chunk can be sealed
	cleanC  chan struct{} // durable entered another segment: perhaps the oldest is not needed
	durable atomic.Int64
	visible atomic.Int64

	behind       *behind    // of a store that was opened before all of its log was indexed; set by Open alone
	unclean      bool       // see Unclean; set by Open alone
	crcSince     int64      // see mark; set by Open alone
	follower     *Follower  // of a slave; set before Run
	releasing    sync.Mutex // one taker of pending at a time
	confirmedEnd atomic.Int64

	versions struct{ topics, groups, offsets atomic.Int64 }
	gate     gate
	// What the goroutines of Run are at; see Work.
	sealWork, upkeepWork commitlog.Turnstile
	resting              atomic.Bool // see Rest
	down                 atomic.Bool // closing
	corrupt              bool        // the log is damaged in the middle; set by Open alone
	frozen               bool        // the file system takes no writes; set by Open alone
	worn                 bool        // the disk fails, or takes no writes: nothing at all is written; set by Open alone
	damaged              bool        // one of these, or much is not indexed: read-only; set by Open alone
	mendable             bool        // it is corrupt, and may be written; set by Open alone
	stats                counters
	times                Times
	topics               topicCounts
	puts                 puts
	bodies               sync.Pool
	windows              sync.Pool     // *[]byte of siftWindow bytes
	sifting              sync.Mutex    // guards nothing: one large record at a time is read for a filter
	giants               spare.Buffers // bodies too large for that
	arrivals             []Arrival     // announce only
	limits               record.Limits
}

// open is Open; frozen says that opts.FS takes no writes.
func open(opts Options, frozen bool) (*Store, error) {
	lock, err := opts.FS.Lock("LOCK")
	if err != nil {
		return nil, fmt.Errorf("store: %w%s", err, lockHint(err))
	}
	s := &Store{opts: opts, log: opts.Log, lock: lock, frozen: frozen, opened: time.Now(), sealC: make(chan struct{}, 1), cleanC: make(chan struct{}, 1)}
	s.needed.init()
	s.ages.reserved = opts.Reserved
	s.scrubber.asked = make(chan struct{}, 1)
	s.limits = record.Limits{Record: MaxRecord}
	s.topics.init(opts.CountTopics)
	s.queues.init(&s.topics)
	s.giants.Most = giantsKept
	s.bodies.New = func() any { b := make([]byte, 0, 64<<10); return &b }
	if err := s.openAll(); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	return s, nil
}

// openAll recovers what is there, and finds out how much room there is.
func (s *Store) openAll() (err error) {
	if !s.frozen {
		if s.ballast, err = findBallast(s.opts.FS); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	if err := s.recover(); err != nil {
		return err
	}
	if _, err := s.look(); err != nil {
		return fmt.Errorf("store: how full is the file system: %w", err)
	}
	if err := s.openQuotas(); err != nil {
		return fmt.Errorf("store: count what topics hold: %w", err)
	}
	s.scrubber.at = s.scrubFrom()
	_, err = s.beside()
	return err
}

func setDefaults(o *Options) {
	if o.SegmentSize == 0 {
		o.SegmentSize = 64 << 20
	}
	if o.FlushTimeout == 0 {
		o.FlushTimeout = 5 * time.Second
	}
	if o.Reserved == 0 {
		o.Reserved = 72 * time.Hour
	}
	if o.SetAsideBytes == 0 {
		o.SetAsideBytes = 256 << 20
	}
	if o.CountTopics == 0 {
		o.CountTopics = 100
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if !o.StoreHost.IsValid() {
		o.StoreHost = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 10911)
	}
}

// Run writes, syncs, indexes and cleans until ctx ends; then everything stored
// so far is on flash and every sender has been answered. It returns an error
// when the store cannot go on.
func (s *Store) Run(ctx context.Context) error {
	if s.frozen {
		<-ctx.Done() // there is nothing to do, and reads go on
		return nil
	}
	g := lifecycle.NewGroup(ctx)
	g.Go("commit log", s.clog.Run)
	g.Go("index", s.seal)
	g.Go("late senders", s.answerLate)
	g.Go("upkeep", s.upkeep)
	g.Go("scrub", s.scrub)
	g.Go("catching up", s.catchUp)
	return g.Wait()
}

// Close leaves a mark that the stop was clean and releases the files. Run must
// have returned. It is called once.
func (s *Store) Close() error {
	s.down.Store(true)
	return errors.Join(s.stopClean(), s.closeFiles())
}

func (s *Store) closeFiles() error {
	var errs []error
	if s.clog != nil {
		errs = append(errs, s.clog.Close())
	}
	if s.index != nil {
		errs = append(errs, s.index.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
