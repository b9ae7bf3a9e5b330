package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Modes of what OS creates: messages are nobody else's to read.
const (
	fileMode = 0o600
	dirMode  = 0o700
)

// OS returns the operating system's file system from the folder root on. root
// is made, durably, if it does not exist.
func OS(root string) (FS, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("disk: %s: %w", root, err)
	}
	f := &osFS{root: abs}
	if err := f.MkdirAll(""); err != nil {
		return nil, err
	}
	return f, nil
}

// An osFS is the folder root and what lies below it.
type osFS struct {
	root string // absolute
}

// path is the real path of name. A name cannot leave the root.
func (f *osFS) path(name string) string {
	return filepath.Join(f.root, filepath.Clean("/"+name))
}

func (f *osFS) RealPath(name string) string { return f.path(name) }

func (f *osFS) Open(name string) (File, error) {
	return f.open(name, os.O_RDWR)
}

func (f *osFS) Create(name string) (File, error) {
	return f.open(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (f *osFS) open(name string, flag int) (File, error) {
	file, err := os.OpenFile(f.path(name), flag, fileMode)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	return &osFile{f: file, name: name}, nil
}

// Lend is Open without what osFile adds.
func (f *osFS) Lend(name string) (*os.File, error) {
	file, err := os.Open(f.path(name))
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	return file, nil
}

func (f *osFS) Remove(name string) error {
	if err := os.Remove(f.path(name)); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	return nil
}

func (f *osFS) Rename(oldName, newName string) error {
	if err := os.Rename(f.path(oldName), f.path(newName)); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	return nil
}

// MkdirAll syncs each folder that it adds an entry to, also above the root: a
// data folder whose own entry is lost takes everything with it.
func (f *osFS) MkdirAll(dir string) error {
	var missing []string
	p := f.path(dir)
	for {
		st, err := os.Stat(p)
		if err == nil {
			if !st.IsDir() {
				return fmt.Errorf("disk: mkdir %s: %w", p, unix.ENOTDIR)
			}
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("disk: %w", err)
		}
		missing = append(missing, p)
		p = filepath.Dir(p)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := os.Mkdir(missing[i], dirMode); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("disk: %w", err)
		}
		if err := syncPath(filepath.Dir(missing[i])); err != nil {
			return err
		}
	}
	return nil
}

func (f *osFS) SyncDir(dir string) error { return syncPath(f.path(dir)) }

func syncPath(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("disk: sync folder: %w", err)
	}
	return nil
}

func (f *osFS) ReadDir(dir string) ([]Entry, error) {
	list, err := os.ReadDir(f.path(dir))
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	entries := make([]Entry, 0, len(list))
	for _, e := range list {
		if e.IsDir() {
			entries = append(entries, Entry{Name: e.Name(), Dir: true})
			continue
		}
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, fmt.Errorf("disk: %w", err)
		}
		entries = append(entries, Entry{Name: e.Name(), Size: info.Size()})
	}
	return entries, nil
}

func (f *osFS) Space() (Space, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(f.root, &st)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return Space{}, fmt.Errorf("disk: statfs %s: %w", f.root, err)
		}
		break
	}
	block := int64(st.Bsize)
	return Space{Total: int64(st.Blocks) * block, Free: int64(st.Bfree) * block, Avail: int64(st.Bavail) * block, ReadOnly: int64(st.Flags)&unix.ST_RDONLY != 0}, nil
}

func (f *osFS) Atomic(_ string, commit func() error) error { return commit() }

// Lock takes a flock, which the kernel drops when the process ends however it
// ends; a lock file that was left behind locks nothing.
func (f *osFS) Lock(name string) (io.Closer, error) {
	file, err := os.OpenFile(f.path(name), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	err = control(file, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("disk: lock %s: %w", strings.TrimPrefix(name, "/"), err), file.Close())
	}
	return file, nil
}
