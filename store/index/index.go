// Package index finds records: by queue offset, by key, and where a consumer
// group stopped. It also keeps topics, subscription groups and small state.
//
// What it says about records is derived from the commit log and can be made
// again from it; the package reads no log itself, its caller applies records.
// The newest run of log is indexed in memory. Runs that are complete and durable
// become chunks in a bbolt file and are never changed again, which is what makes
// the index cheap on flash. Consumer offsets live in memory and go to a journal,
// a ring of pages, and with each chunk to the file.
//
// The file may be lost or damaged at any time: it is then set aside and made
// anew, tables from a backup, offsets from the journal, units by the caller
// from the log.
//
// Formats are pairmq's own (block.go, directory.go, keypiece.go, batch.go,
// types.go), big-endian, each value under a checksum.
package index

import (
	"cmp"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"pairmq/hal/disk"
)

var (
	// ErrFailed means that a write failed earlier: the index answers from
	// what it has, and changes nothing any more until it is opened anew.
	ErrFailed = errors.New("index: stopped after a disk failure")
	// ErrDamaged means that stored bytes do not match their checksum or make
	// no sense. See Index.Damaged.
	ErrDamaged = errors.New("index: damaged")
	// ErrFormat means that another version of pairmq wrote the file.
	ErrFormat = errors.New("index: unknown file format")
)

// Options says where an Index lives and how large its parts are.
type Options struct {
	FS           disk.FS          // required
	File         string           // the bbolt file; "" means meta.db
	Journal      string           // consumer offsets; "" means offsets.wal
	Backup       string           // second copy of the tables; "" means meta.bak
	Quarantine   string           // folder for damaged files; "" means quarantine
	ChunkBytes   int64            // bytes of log per chunk, at most 1 GiB; 0 means 16 MiB
	ChunkRecords int              // records per chunk; 0 means 131072
	JournalBytes int64            // size of a new journal; 0 means 4 MiB
	MaxFile      int              // bytes that the bbolt file may take; 0 means 1 GiB
	LockTimeout  time.Duration    // how long Open waits for another process; 0 means 2 s
	NoSync       bool             // tests on a simulated disk only: bbolt does not sync
	Log          *slog.Logger     // nil discards
	Now          func() time.Time // nil means time.Now
}

func (o *Options) setDefaults() {
	o.File = cmp.Or(o.File, "meta.db")
	o.Journal = cmp.Or(o.Journal, "offsets.wal")
	o.Backup = cmp.Or(o.Backup, "meta.bak")
	o.Quarantine = cmp.Or(o.Quarantine, "quarantine")
	o.ChunkBytes = min(cmp.Or(o.ChunkBytes, 16<<20), 1<<30)
	o.ChunkRecords = cmp.Or(o.ChunkRecords, 131072)
	o.JournalBytes = max(cmp.Or(o.JournalBytes, 4<<20), 4*pageSize)
	o.MaxFile = cmp.Or(o.MaxFile, 1<<30)
	o.LockTimeout = cmp.Or(o.LockTimeout, 2*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// An Index is one broker's index. All methods may be called from any goroutine;
// Apply has one caller at a time, since records come in log order. Locks are
// taken in the order write, journal.mu, tables.mu, mu, offsets.mu.
type Index struct {
	opts    Options
	log     *slog.Logger
	db      *bbolt.DB
	rebuilt bool

	write  sync.Mutex // one change of the file at a time
	failed atomic.Pointer[failure]

	mu           sync.RWMutex
	topics       map[string]*topicQueues
	byRef        map[uint32]*Queue // those that chunks may mention
	nextRef      uint32            // for a queue that enters its first chunk
	sealed       []sealedChunk
	blind        bool        // one of them is: a gap or the end of a queue may be none
	firstSealed  uint32      // ordinal of sealed[0]
	closed       []*memChunk // complete, not yet in the file
	open         *memChunk   // nil before a first record
	checkpoint   int64
	end          int64 // of what was applied
	floor        int64 // retention: log below is gone
	deleted      map[string]int64
	deletedBelow int64 // the greatest of deleted's values

	tables  tables
	offsets offsets
}

// failure is the first error that ended all writing.
type failure struct{ err error }

// fail remembers err, unless an earlier one is known, and returns it. Nothing
// is written from then on: after a failed sync nobody knows what is on flash.
func (x *Index) fail(err error) error {
	if err != nil && x.failed.CompareAndSwap(nil, &failure{err}) {
		x.log.Error("the index failed; nothing is written until a restart", "err", err)
	}
	return err
}

// Failed returns what ended all writing, wrapped in ErrFailed, or nil.
func (x *Index) Failed() error {
	if f := x.failed.Load(); f != nil {
		return errors.Join(ErrFailed, f.err)
	}
	return nil
}

// Rebuilt says that Open made the file anew although there had been one. Apply
// then has to see the log from its start; tables come from the backup and
// consumer offsets from the journal.
func (x *Index) Rebuilt() bool { return x.rebuilt }

// Checkpoint returns the log offset (bytes) from which records have to be
// applied after Open: the end of the newest chunk, 0 if there is none.
func (x *Index) Checkpoint() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.checkpoint
}

// Newest returns the newest store timestamp of a record that is indexed, in ms since
// 1970, or 0.
func (x *Index) Newest() (newest int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for i := range x.sealed {
		newest = max(newest, x.sealed[i].newest)
	}
	for _, c := range x.unsealed() {
		newest = max(newest, c.newest)
	}
	return newest
}

// Close writes what consumers committed and releases the files. Units of the
// newest run of log are forgotten unless SealAll came before.
func (x *Index) Close() error {
	x.write.Lock()
	defer x.write.Unlock()
	var err error
	if x.Failed() == nil {
		err = errors.Join(x.flushOffsets(true), x.foldOnly())
	}
	return errors.Join(err, x.offsets.close(), x.db.Close())
}
