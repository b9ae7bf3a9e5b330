// Package disk is the file system as the store needs it: a folder of files that
// are read and written at offsets, forced to flash, allocated ahead, and moved.
//
// It lives below hal because it is what the appliance offers, not what pairmq
// makes of it: nothing here knows of logs, records or indexes. OS is the real
// one; package diskfault has one that loses power, fails and fills up on demand.
//
// Two rules hold for every implementation, since the store's promises rest on
// them: a write that did not store all its bytes is an error, and the entry of
// a new, renamed or removed file is safe only once its folder was synced.
package disk

import (
	"errors"
	"io"
	"os"
)

// ErrLocked says that another process, or another part of this one, holds the
// lock.
var ErrLocked = errors.New("disk: locked by another process")

// FS is a folder and what lies below it. Names are slash-separated and relative
// to that folder; the empty name and "." are the folder itself. Its methods may
// be called from any goroutine. Errors wrap the operating system's, which
// errors.Is finds: fs.ErrNotExist, syscall.ENOSPC and so on.
type FS interface {
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// Create makes a new file, or empties an existing one, and opens it for
	// reading and writing. The entry is durable after SyncDir of its folder.
	Create(name string) (File, error)
	// Remove unlinks a file or an empty folder; durable after SyncDir.
	Remove(name string) error
	// Rename moves a file, replacing one that has the new name; durable after
	// SyncDir of both folders. Whatever happens, the file has one of the names.
	Rename(oldName, newName string) error
	// MkdirAll makes a folder and those above it, where they are missing, and
	// syncs the folders that received a new entry.
	MkdirAll(dir string) error
	// SyncDir makes the entries of a folder durable.
	SyncDir(dir string) error
	// ReadDir lists a folder, sorted by name.
	ReadDir(dir string) ([]Entry, error)
	// Lock takes the lock file, making it if need be, and holds it until the
	// Closer is closed or the process ends. It fails with ErrLocked at once if
	// somebody else has it.
	Lock(name string) (io.Closer, error)
	// Space tells how full the file system is.
	Space() (Space, error)
	// RealPath is the operating system's path of a file, for libraries that
	// open files by path.
	RealPath(name string) string
	// Atomic runs the commit of such a library on the file called name. It only
	// tells the file system that the commit happens, so that one that simulates
	// faults can lose it or keep it as a whole.
	Atomic(name string, commit func() error) error
}

// File is one open file. ReadAt and WriteAt may be called from any goroutine,
// also at once; Close only when nobody else uses the file any more.
type File interface {
	// ReadAt reads len(p) bytes from offset off; if there are fewer, it
	// returns io.EOF with those there are.
	ReadAt(p []byte, off int64) (int, error)
	// WriteAt writes all of p at offset off. Nothing is durable before
	// Datasync. After an error, any part of p may have been written.
	WriteAt(p []byte, off int64) (int, error)
	// Datasync makes the file's bytes and size durable. After an error it is
	// unknown which of them are, and a second call proves nothing: the kernel
	// may have forgotten which pages it could not write.
	Datasync() error
	// Sync is Datasync, and makes the rest of the metadata durable too.
	Sync() error
	// Truncate sets the file's size in bytes; what it gains reads as zeros.
	Truncate(size int64) error
	// Allocate reserves space for the first size bytes and grows the file to
	// that size if it is smaller; what it gains reads as zeros. It fails with
	// syscall.ENOSPC if there is no room, and may then have reserved a part.
	Allocate(size int64) error
	// DropCache forgets cached copies of n bytes from offset off on (n 0: to
	// the end) that need no writing, so that the next read shows what the medium has.
	DropCache(off, n int64) error
	// Size is the file's size in bytes.
	Size() (int64, error)
	// Close releases the file. It makes nothing durable.
	Close() error
}

// Lender is an FS whose files are the operating system's. One that simulates
// faults is none: what the kernel does by itself it could not simulate.
type Lender interface {
	// Lend opens an existing file for reading, for one who lets the kernel send
	// from it.
	Lend(name string) (*os.File, error)
}

// Entry is one line of a folder's listing.
type Entry struct {
	Name string
	Size int64 // bytes; 0 for a folder
	Dir  bool
}

// Space tells in bytes how large the file system is, how much of it is free,
// and how much of that this process may use. ReadOnly says that it takes no
// writes; one that has gone bad may take none and not say so.
type Space struct {
	Total, Free, Avail int64
	ReadOnly           bool
}
