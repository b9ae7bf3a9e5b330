package disk

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// View returns fsys for one who goes on where its file system takes no writes: the
// kernel turns one read-only that has gone bad. Whatever would write fails with
// ErrReadOnly, and there is nothing to sync. Unlike with ReadOnly the lock is held,
// if there is a lock file.
func View(fsys FS) FS {
	v := &view{FS: fsys, open: fsys.Open, lock: fsys.Lock}
	if o, ok := fsys.(*osFS); ok { // the kernel opens none of them for writing
		v.open = func(name string) (File, error) { return o.open(name, os.O_RDONLY) }
		v.lock = o.lockToRead
	}
	return v
}

// A view refuses what would write; the rest is the file system's below.
type view struct {
	FS
	open func(name string) (File, error)
	lock func(name string) (io.Closer, error)
}

func (v *view) Open(name string) (File, error) {
	f, err := v.open(name)
	if err != nil {
		return nil, err
	}
	return &viewFile{f, name}, nil
}

func (v *view) Lock(name string) (io.Closer, error)      { return v.lock(name) }
func (v *view) Create(name string) (File, error)         { return nil, refuse("create", name) }
func (v *view) Remove(name string) error                 { return refuse("remove", name) }
func (v *view) Rename(name, _ string) error              { return refuse("rename", name) }
func (v *view) MkdirAll(dir string) error                { return refuse("mkdir", dir) }
func (v *view) SyncDir(dir string) error                 { return refuse("sync", dir) }
func (v *view) Atomic(name string, _ func() error) error { return refuse("commit", name) }

// A viewFile is a file that is only read.
type viewFile struct {
	File
	name string
}

func (f *viewFile) WriteAt([]byte, int64) (int, error) { return 0, refuse("write", f.name) }
func (f *viewFile) Truncate(int64) error               { return refuse("truncate", f.name) }
func (f *viewFile) Allocate(int64) error               { return refuse("allocate", f.name) }
func (f *viewFile) Datasync() error                    { return nil }
func (f *viewFile) Sync() error                        { return nil }

// lockToRead is Lock for a lock file that cannot be opened for writing.
func (f *osFS) lockToRead(name string) (io.Closer, error) {
	file, err := os.Open(f.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return nothing{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	err = control(file, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("disk: lock %s: %w", name, err), file.Close())
	}
	return file, nil
}
