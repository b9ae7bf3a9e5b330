package store

import (
	"errors"
	"fmt"
	"syscall"

	"pairmq/hal/disk"
)

// Open opens the store in opts.FS: it recovers the commit log and the index and
// returns a Store ready for Run. Nothing can be stored before Run. If the log is
// damaged in the middle, the store opens read-only and says so in the log.
//
// So it does on a file system that is read-only: the kernel makes one so that has
// gone bad. Nothing is written then, consumer offsets are in memory alone, and the
// index has to be sound. Where it is only the folder that may not be written, Open
// fails.
func Open(opts Options) (*Store, error) {
	if opts.FS == nil {
		return nil, errors.New("store: Options.FS is required")
	}
	setDefaults(&opts)
	if sp, err := opts.FS.Space(); err != nil || !sp.ReadOnly { // there may be kernels that do not say so
		s, err := open(opts, false)
		if !errors.Is(err, syscall.EROFS) {
			return s, err
		}
	}
	opts.FS = disk.View(opts.FS)
	s, err := open(opts, true)
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w, and what it has cannot be served: %w; copy the folder to another device and start there, or read it with pairmq log export",
			opts.FS.RealPath(""), syscall.EROFS, err)
	}
	s.log.Error("the file system is read-only, and so is the store: let consumers drain, look at the kernel's log, and replace the medium or make it writable and start again. What consumers commit is in memory only",
		"folder", opts.FS.RealPath(""), "maxPhyOffset", s.clog.End())
	return s, nil
}

// Frozen says whether nothing can be written, as the file system is read-only. It
// stays so until the store is opened anew.
func (s *Store) Frozen() bool { return s.frozen }

// readOnlyWhy says for people why nothing can be stored; "" if it can.
func (s *Store) readOnlyWhy() string {
	switch {
	case s.clog.Failed() != nil || !s.frozen && s.index.Failed() != nil:
		return "its disk has failed"
	case s.corrupt:
		return "its commit log is damaged"
	case s.behind != nil:
		return "its log is being indexed"
	case s.frozen:
		return "its file system is read-only"
	case s.damaged:
		return "its disk has failed several times in a row"
	}
	return ""
}

// lockHint says what may be wrong where the lock cannot be had.
func lockHint(err error) string {
	switch {
	case errors.Is(err, disk.ErrLocked):
		return "; is another pairmqd running on this folder?"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "; the folder and all in it must belong to the user that pairmqd runs as"
	}
	return ""
}
