package index

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// errReadOnly is why nothing is written to an index that was opened to be looked at.
var errReadOnly = errors.New("index: opened for reading only")

// OpenReadOnly opens the file in opts.FS to be looked at; opts.FS may be one that
// writes nothing. Consumer offsets are those of the file: neither journal nor backup
// is read, and damage is not mended. Whatever would write fails with ErrFailed. It
// fails with ErrDamaged where Open would set the file aside, with an error that
// wraps fs.ErrNotExist if there is none, and if another process has it open.
func OpenReadOnly(opts Options) (*Index, error) {
	if opts.FS == nil {
		return nil, errors.New("index: Options.FS is required")
	}
	opts.setDefaults()
	x := &Index{opts: opts, log: opts.Log}
	x.reset()
	x.failed.Store(&failure{errReadOnly})
	f, err := opts.FS.Open(opts.File)
	if err != nil {
		return nil, fmt.Errorf("index: open %s: %w", opts.File, err)
	}
	if err := errors.Join(checkPages(f), f.Close()); err != nil {
		return nil, err
	}
	if err := x.openBoltToRead(); err != nil {
		return nil, fmt.Errorf("index: open %s: %w", opts.File, err)
	}
	if err := x.loadFile(); err != nil {
		return nil, errors.Join(err, x.db.Close())
	}
	return x, nil
}

// OpenFrozen is OpenReadOnly for one who serves consumers from a file system that
// takes no writes. Records may be applied and consumer offsets committed, all in
// memory; the offsets begin as the journal has them.
func OpenFrozen(opts Options) (*Index, error) {
	x, err := OpenReadOnly(opts)
	if err != nil {
		return nil, err
	}
	if err := x.readJournal(); err != nil {
		return nil, errors.Join(err, x.offsets.close(), x.db.Close())
	}
	return x, nil
}

func (x *Index) openBoltToRead() (err error) {
	defer recovered(&err)()
	x.db, err = bbolt.Open(x.opts.FS.RealPath(x.opts.File), 0, &bbolt.Options{
		Timeout: x.opts.LockTimeout, ReadOnly: true, PageSize: pageSize, NoStatistics: true,
	})
	return err
}

// Floor returns the log offset (bytes) below which retention has taken everything.
func (x *Index) Floor() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.floor
}

// Units returns how many units a queue has.
func (x *Index) Units(topic string, queueID int32) (n int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	q := x.lookup(topic, queueID)
	if q == nil {
		return 0
	}
	count := func(first, end int64) { n += max(0, min(end, q.max)-max(first, q.min)) }
	for _, r := range q.sealed {
		count(r.first, r.end())
	}
	for _, r := range q.mem {
		count(r.first, r.end())
	}
	return n
}
