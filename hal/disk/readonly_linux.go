package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrReadOnly says that a folder was opened to be looked at alone.
var ErrReadOnly = errors.New("disk: opened for reading only")

// ReadOnly returns the folder root, which must exist, and what lies below it, for
// one who must change nothing there: a copy that is evidence, a device that is
// about to die. Whatever would write fails with ErrReadOnly, and no file is made.
func ReadOnly(root string) (FS, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("disk: %s: %w", root, err)
	}
	st, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("disk: open %s: %w", root, unix.ENOTDIR)
	}
	return &readOnlyFS{osFS{root: abs}}, nil
}

// A readOnlyFS is an osFS that only reads.
type readOnlyFS struct{ osFS }

func refuse(op, name string) error { return fmt.Errorf("disk: %s %s: %w", op, name, ErrReadOnly) }

func (f *readOnlyFS) Open(name string) (File, error)   { return f.open(name, os.O_RDONLY) }
func (f *readOnlyFS) Create(name string) (File, error) { return nil, refuse("create", name) }
func (f *readOnlyFS) Remove(name string) error         { return refuse("remove", name) }
func (f *readOnlyFS) Rename(name, _ string) error      { return refuse("rename", name) }
func (f *readOnlyFS) MkdirAll(dir string) error        { return refuse("mkdir", dir) }
func (f *readOnlyFS) SyncDir(dir string) error         { return refuse("sync", dir) }

func (f *readOnlyFS) Atomic(name string, _ func() error) error { return refuse("commit", name) }

// Lock takes nothing: it fails with ErrLocked if somebody has the lock at this
// moment, which one who only reads has to know. The Closer does nothing.
func (f *readOnlyFS) Lock(name string) (io.Closer, error) {
	file, err := os.Open(f.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return nothing{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	defer file.Close() // and with it what flock took
	err = control(file, func(fd int) error { return unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("disk: lock %s: %w", name, err)
	}
	return nothing{}, nil
}

type nothing struct{}

func (nothing) Close() error { return nil }
