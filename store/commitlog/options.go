package commitlog

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"time"

	"pairmq/hal/disk"
)

// What a caller may have to tell apart. Each is wrapped with the numbers that
// locate it.
var (
	// ErrFailed: a write or sync failed. It is final for this Log.
	ErrFailed = errors.New("commitlog: stopped after a disk failure")
	// ErrReadOnly: recovery found damage, or was told to; the log can be read up
	// to there.
	ErrReadOnly = errors.New("commitlog: read-only")
	// ErrClosed: Run's context ended, or Close was called, or Recover was not yet.
	ErrClosed = errors.New("commitlog: closed")
	// ErrTooLarge: the bytes do not fit in an empty segment.
	ErrTooLarge = errors.New("commitlog: too large for a segment")
	// ErrFull: there is no space for the next segment. Nothing was reserved;
	// it is tried again every five seconds and after each Retire.
	ErrFull = errors.New("commitlog: no space for the next segment")
	// ErrBusy: the disk did not take what is waiting within MaxWait. Nothing
	// was reserved.
	ErrBusy = errors.New("commitlog: the disk is too slow")
	// ErrOffsetGap: raw bytes do not start where the log ends.
	ErrOffsetGap = errors.New("commitlog: append does not start where the log ends")
	// ErrUnaligned: the log ends so near the end of a segment that no filler
	// fits. Only raw bytes that end inside a record lead there.
	ErrUnaligned = errors.New("commitlog: the log ends inside a record")
	// ErrCorrupt: the log is damaged where a power cut cannot have done it.
	ErrCorrupt = errors.New("commitlog: damaged")
	// ErrChanged: the bytes to be overwritten are not those that were looked at.
	ErrChanged = errors.New("commitlog: the bytes have changed meanwhile")
	// ErrLayout: the files of the folder are not a log of this segment size.
	ErrLayout = errors.New("commitlog: the folder holds no log of this kind")
)

// Defaults of Options.
const (
	defaultSegmentSize   = 64 << 20
	defaultBatchBytes    = 1 << 20
	defaultFlushBytes    = 256 << 10
	defaultUnsyncedBytes = 8 << 20
	defaultFlushInterval = 500 * time.Millisecond
	defaultMaxWait       = time.Second
	defaultRecycle       = 2
	defaultOpenFiles     = 64
)

// Options says where a Log lives and when it forces bytes to flash.
type Options struct {
	FS         disk.FS // required
	Dir        string  // of the segments; "" means "commitlog"
	Quarantine string  // folder for bytes that recovery takes out; "" means "quarantine"

	SegmentSize   int64         // bytes per segment; 0 means 64 MiB
	SyncFlush     bool          // confirmed means durable; without it, confirmed means written
	Classes       bool          // AppendWithin may say otherwise of single appends
	SyncApart     bool          // with SyncFlush: batches that come faster than they are synced are written meanwhile
	FlushInterval time.Duration // without SyncFlush: age of the oldest unsynced byte; 0 means 500 ms
	FlushBytes    int64         // bytes without SyncFlush that are synced before their age says so; 0 means 256 KiB
	UnsyncedBytes int64         // without SyncFlush, or with SyncApart or Classes: most bytes a power cut can tear, writing waits for a sync then; 0 means 8 MiB
	FlushLinger   time.Duration // how long the first append of a batch may wait for others; 0 means not at all
	BatchBytes    int           // most bytes of one write, and of waiting appends; 0 means 1 MiB
	MaxWait       time.Duration // how long an append waits for its turn before ErrBusy, unless one has waited so long already; 0 means 1 s
	Recycle       int           // retired segments kept for reuse; 0 means 2, negative none
	OpenFiles     int           // segments held open while nobody reads them; 0 means 64

	// Confirmed is told that everything before end is as safe as SyncFlush
	// says; and once, finally, that the log failed: then nothing behind end
	// will ever be. It is called in order, from one goroutine, which is not
	// the writer's: what it does delays no write.
	Confirmed func(end int64, err error)
	// Durable is told after syncs that everything before end is on flash,
	// from the same goroutine and before the Confirmed of the same bytes.
	Durable func(end int64)
	// MayGrow is asked before a segment is made that takes more of the disk than
	// the given number of files, which the log has already; if a retired one is
	// there, that is used again and nobody is asked. nil means yes.
	MayGrow func(files int) bool
	// MakeRoom is told that MayGrow said no, or that the disk is full: a Retire
	// from here lets the log go on before anybody waits. nil is allowed.
	MakeRoom func()

	Log *slog.Logger // nil discards
}

// withDefaults fills in what is zero and refuses what cannot work.
func (o Options) withDefaults() (Options, error) {
	if o.FS == nil {
		return o, errors.New("commitlog: Options.FS is required")
	}
	o.Dir = path.Clean(cmp.Or(o.Dir, "commitlog"))
	o.Quarantine = path.Clean(cmp.Or(o.Quarantine, "quarantine"))
	o.SegmentSize = cmp.Or(o.SegmentSize, defaultSegmentSize)
	o.FlushInterval = cmp.Or(o.FlushInterval, defaultFlushInterval)
	o.FlushBytes = cmp.Or(o.FlushBytes, defaultFlushBytes)
	o.UnsyncedBytes = cmp.Or(o.UnsyncedBytes, defaultUnsyncedBytes)
	o.BatchBytes = cmp.Or(o.BatchBytes, defaultBatchBytes)
	o.MaxWait = cmp.Or(o.MaxWait, defaultMaxWait)
	o.Recycle = max(0, cmp.Or(o.Recycle, defaultRecycle))
	o.OpenFiles = cmp.Or(o.OpenFiles, defaultOpenFiles)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SegmentSize < 2*fillerSize || o.SegmentSize > 1<<30 {
		return o, fmt.Errorf("commitlog: segments of %d bytes, %d to %d are possible", o.SegmentSize, 2*fillerSize, 1<<30)
	}
	if o.BatchBytes < 1 || o.UnsyncedBytes < 1 || o.FlushBytes < 1 || o.FlushInterval < 0 || o.FlushLinger < 0 || o.MaxWait < 0 || o.OpenFiles < 1 {
		return o, fmt.Errorf("commitlog: negative option: %d batch bytes, %d unsynced bytes, %d flush bytes, interval %v, linger %v, wait %v, %d open files",
			o.BatchBytes, o.UnsyncedBytes, o.FlushBytes, o.FlushInterval, o.FlushLinger, o.MaxWait, o.OpenFiles)
	}
	return o, nil
}

// within is the promise of an append of which nothing else is said: how soon it is
// durable after it is confirmed.
func (o *Options) within() time.Duration {
	if o.SyncFlush {
		return 0
	}
	return max(o.FlushInterval, 1)
}

// window is how many bytes behind Durable a power cut can tear.
func (o *Options) window() int64 {
	if o.SyncFlush && !o.SyncApart && !o.Classes {
		return int64(o.BatchBytes)
	}
	return max(o.UnsyncedBytes, int64(o.BatchBytes))
}
