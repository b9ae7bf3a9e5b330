package commitlog

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/internal/meter"
)

// A Log is the commit log. Its methods may be called from any goroutine, but
// Open, Recover, Run and Close follow each other.
type Log struct {
	opts Options
	log  *slog.Logger

	// mu is the append lock: it orders offsets. It is never held during I/O.
	// Of several locks, told.mu is taken first, then dirMu, then
	// syncing, then a segment's, then mu.
	mu      sync.Mutex
	filling *batch  // collects appends until the writer takes it
	spare   *batch  // nil while the writer has it
	limit   int64   // end of the segment that takes the next byte; End if there is none yet
	ready   int64   // end of the last segment there is
	full    bool    // no space for the next segment
	line    []*turn // appends that wait, the first one first
	stuck   fit     // what one has waited for MaxWait for, and has not come since: see stand
	task    *task   // to be done by the writer when nothing is unwritten
	asleep  bool    // the writer waits for kicks
	phase   phase
	sound   int64 // segments from here on were read by Recover or written since; set by Recover alone

	start, end, written, durable atomic.Int64
	last                         atomic.Int64               // of a damaged log: see Stored
	owed                         atomic.Int64               // up to here bytes are confirmed once they are durable
	soon                         atomic.Int64               // nanoseconds: the rest of what is not durable is to be so within
	longer                       atomic.Int64               // nanoseconds: see SetLinger
	segments                     atomic.Pointer[[]*segment] // ascending, replaced as a whole, by dirMu's holder
	handles                      handles
	failure                      atomic.Pointer[error]
	failed                       chan struct{} // closed after failure was set

	tasks   chan struct{} // holds a token for each task: one at a time
	syncing chan struct{} // holds a token during a sync: one at a time, the kernel tells of an error only once
	dirMu   sync.Mutex    // one change of the folder's entries at a time
	spares  []int64       // bases of the segments below recycle/, guarded by dirMu; see keepSpares
	spared  atomic.Int32  // how many they are, for who must not wait for the disk

	kicks   chan struct{} // an append found the writer asleep
	wrote   chan struct{} // there is something to sync later
	news    chan struct{} // Written or Durable moved
	prepare chan struct{} // the next segment will be needed
	freed   chan struct{} // there may be space for it now
	counts  counts
	times   Times
	opened  time.Time    // monotonic
	began   atomic.Int64 // when the sync that is under way began, ns since opened; 0: none is

	syncWork, segmentWork Turnstile // see Work

	told struct { // what the callbacks know
		mu                 sync.Mutex
		durable, confirmed int64
	}
}

// phase is how far a Log's life has come.
type phase uint8

const (
	opened phase = iota
	readOnly
	recovered // Run may start
	running
	closed
)

// Open lists the segments and checks that they are a log: names that are
// multiples of the segment size and follow each other without a hole, and files
// of that size. If not, it fails with ErrLayout and names the file. It opens
// and writes nothing.
func Open(opts Options) (*Log, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Log{
		opts: opts, log: opts.Log, sound: math.MaxInt64, opened: time.Now(),
		filling: &batch{}, spare: &batch{},
		tasks: make(chan struct{}, 1), failed: make(chan struct{}), syncing: make(chan struct{}, 1),
		kicks: make(chan struct{}, 1), wrote: make(chan struct{}, 1), news: make(chan struct{}, 1), prepare: make(chan struct{}, 1), freed: make(chan struct{}, 1),
	}
	l.soon.Store(math.MaxInt64)
	segs, err := l.list()
	if err != nil {
		return nil, err
	}
	l.segments.Store(&segs)
	if len(segs) > 0 {
		l.start.Store(segs[0].base)
		l.ready = segs[len(segs)-1].end
	}
	return l, nil
}

// Start is the physical offset of the first byte there is.
func (l *Log) Start() int64 { return l.start.Load() }

// End is where the next append goes, at least.
func (l *Log) End() int64 { return l.end.Load() }

// Written is the end of what was written, and can be read.
func (l *Log) Written() int64 { return l.written.Load() }

// Durable is the end of what is known to be on flash.
func (l *Log) Durable() int64 { return l.durable.Load() }

// Window is how many bytes behind Durable a power cut can tear: what a Recover
// after it must be told.
func (l *Log) Window() int64 { return l.opts.window() }

// Failed is the error that stopped the log, or nil. It wraps ErrFailed.
func (l *Log) Failed() error {
	if p := l.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// fail stops the log for good; the first reason is kept.
func (l *Log) fail(cause error) error {
	err := fmt.Errorf("%w: %w", ErrFailed, cause)
	if errors.Is(cause, ErrFailed) {
		err = cause
	}
	if l.failure.CompareAndSwap(nil, &err) {
		close(l.failed)
	}
	return l.Failed()
}

// Close releases the files. Run must have returned, or never been called; what
// was appended and not confirmed may be lost. Reads fail afterwards.
func (l *Log) Close() error {
	l.mu.Lock()
	l.phase = closed
	l.wake()
	l.mu.Unlock()
	var errs []error
	for _, s := range *l.segments.Load() {
		errs = append(errs, s.retire())
	}
	return errors.Join(errs...)
}

// poke leaves a token in c, unless there is one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stats counts since Open.
type Stats struct {
	Batches int64 // that were written
	Writes  int64 // pwrites
	Bytes   int64 // of those
	Syncs   int64
}

type counts struct{ batches, writes, bytes, syncs atomic.Int64 }

// Stats returns the counts.
func (l *Log) Stats() Stats {
	c := &l.counts
	return Stats{Batches: c.batches.Load(), Writes: c.writes.Load(), Bytes: c.bytes.Load(), Syncs: c.syncs.Load()}
}

// Times is how long it took since Open.
type Times struct {
	Turn  meter.Histogram // for an append that had to wait to come into a batch, or to be refused
	Queue meter.Histogram // for the first append of each batch to be taken by the writer
	Write meter.Histogram // for one pwrite
	Sync  meter.Histogram // for one fdatasync, failed ones too
}

// Times is counted on; only its histograms' Counts are for others.
func (l *Log) Times() *Times { return &l.times }

// Syncing is for how long the sync that is under way has been; 0 if none is.
func (l *Log) Syncing() time.Duration {
	began := l.began.Load()
	if began == 0 {
		return 0
	}
	return time.Since(l.opened) - time.Duration(began)
}
