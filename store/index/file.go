package index

import (
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"runtime/debug"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Buckets of the file.
const (
	bucketChunks  = "idx"     // be64 log offset → bucket: directory, blocks, key pieces
	bucketQueues  = "queues"  // be32 reference → queueEntry
	bucketTopics  = "topics"  // name → table.Topic
	bucketGroups  = "groups"  // name → table.Group
	bucketValues  = "values"  // key → bytes
	bucketOffsets = "offsets" // group and topic → consumer offsets
	bucketDeleted = "deleted" // topic → be64 log offset
	bucketState   = "state"   // key → number or version
)

// buckets lists them.
func buckets() []string {
	return []string{bucketChunks, bucketQueues, bucketTopics, bucketGroups, bucketValues, bucketOffsets, bucketDeleted, bucketState}
}

// Keys of the state bucket.
const (
	stateFormat     = "format"
	stateCheckpoint = "checkpoint"
	stateFloor      = "floor"
	stateNextRef    = "nextRef"
	stateFolded     = "folded" // sequence of the last journal batch in the offsets bucket
	stateGeneration = "generation"
	stateMark       = "mark"
	stateTopics     = "topics" // table.DataVersion
	stateGroups     = "groups"
)

const fileFormat = 1

// openFile opens the bbolt file, or makes it. Damage is no error: what does
// not open is set aside.
func (x *Index) openFile() (created bool, err error) {
	f, err := x.opts.FS.Open(x.opts.File)
	if errors.Is(err, fs.ErrNotExist) {
		return true, x.createFile()
	}
	if err != nil {
		return false, fmt.Errorf("index: open %s: %w", x.opts.File, err)
	}
	err = checkPages(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = x.openBolt(x.opts.File)
	}
	if errors.Is(err, bolterrors.ErrTimeout) {
		return false, fmt.Errorf("index: open %s: another process has it: %w", x.opts.File, err)
	}
	if err == nil {
		return false, nil
	}
	return true, x.replaceFile(err)
}

// replaceFile sets a damaged file aside and makes a new one.
func (x *Index) replaceFile(cause error) error {
	if err := x.quarantine(cause); err != nil {
		return err
	}
	x.rebuilt = true
	return x.createFile()
}

// createFile makes an empty bbolt file. It gets its name once it is complete:
// bbolt cannot cope with power that goes while it makes one.
func (x *Index) createFile() error {
	o := &x.opts
	tmp := o.File + ".tmp"
	if err := o.FS.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("index: remove %s: %w", tmp, err)
	}
	err := o.FS.Atomic(tmp, func() error {
		if err := x.openBolt(tmp); err != nil {
			return err
		}
		// Twice, so that neither meta page refers to a free list.
		err := errors.Join(x.db.Update(createBuckets), x.db.Update(createBuckets))
		return errors.Join(err, x.db.Close())
	})
	if err != nil {
		return fmt.Errorf("index: make %s: %w", tmp, err)
	}
	if err := o.FS.Rename(tmp, o.File); err != nil {
		return fmt.Errorf("index: rename %s: %w", tmp, err)
	}
	if err := o.FS.SyncDir("."); err != nil {
		return fmt.Errorf("index: sync the folder of %s: %w", o.File, err)
	}
	if err := x.openBolt(o.File); err != nil {
		return fmt.Errorf("index: open the new %s: %w", o.File, err)
	}
	return nil
}

func createBuckets(tx *bbolt.Tx) error {
	for _, name := range buckets() {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return putNumber(tx, stateFormat, fileFormat)
}

// openBolt opens the file called name, whose pages were checked.
func (x *Index) openBolt(name string) (err error) {
	defer recovered(&err)()
	x.db, err = bbolt.Open(x.opts.FS.RealPath(name), 0o600, &bbolt.Options{
		Timeout:         x.opts.LockTimeout,
		NoFreelistSync:  true, // else all of it is written with every commit
		FreelistType:    bbolt.FreelistMapType,
		PageSize:        pageSize,
		InitialMmapSize: initialMmap(),
		MaxSize:         x.opts.MaxFile,
		NoSync:          x.opts.NoSync,
		NoStatistics:    true,
	})
	if err != nil {
		return err
	}
	x.db.AllocSize = 2 << 20
	return nil
}

// initialMmap is how many bytes are mapped at first: address space, no memory.
// A commit that needs more waits for readers, once per doubling.
func initialMmap() int {
	if bits.UintSize == 32 {
		return 32 << 20
	}
	return 256 << 20
}

// recovered makes a panic the error of the function that defers what it
// returns. bbolt panics on pages that make no sense, and a page that the device
// cannot read is a fault in its mapping.
func recovered(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if r := recover(); r != nil {
			*err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}
}

// view runs f in a read transaction. f must be short and keep no bytes.
func (x *Index) view(f func(*bbolt.Tx) error) (err error) {
	tx, err := x.db.Begin(false)
	if err != nil {
		return fmt.Errorf("index: read: %w", err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	return guarded(tx, f)
}

func guarded(tx *bbolt.Tx, f func(*bbolt.Tx) error) (err error) {
	defer recovered(&err)()
	return f(tx)
}

// update runs f in a write transaction and commits it: durable on return. The
// caller holds write. After an error nothing is written any more.
func (x *Index) update(f func(*bbolt.Tx) error) error {
	if err := x.Failed(); err != nil {
		return err
	}
	err := x.opts.FS.Atomic(x.opts.File, func() (err error) {
		defer recovered(&err)()
		return x.db.Update(f)
	})
	if err != nil {
		return x.fail(fmt.Errorf("index: commit: %w", err))
	}
	return nil
}
