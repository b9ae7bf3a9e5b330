package acl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// replace writes b in place of the file at path, durable on return: there is the old one or
// the new one, wherever the power goes. Where path is a link it is its target that is replaced. If nothing is
// there it makes a file for its owner alone. It
// returns the stamp that the new one had before it got its name.
func replace(path string, b []byte) (written stamp, err error) {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return stamp{}, err
	}
	dir, base := filepath.Split(path)
	// One name, so that power cuts do not leave one file after the other; nobody else uses it.
	next := filepath.Join(dir, "."+base+".pairmq-new")
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return stamp{}, err
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return stamp{}, err
	}
	_, err = f.Write(b)
	if info != nil {
		keepOwner(f, info)
		err = errors.Join(err, f.Chmod(info.Mode().Perm()))
	}
	err = errors.Join(err, f.Sync())
	made, errStat := f.Stat()
	if err = errors.Join(err, errStat, f.Close()); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		_ = os.Remove(next) // it is of no use
		return stamp{}, err
	}
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return stamp{}, err
	}
	return stampOf(made), errors.Join(d.Sync(), d.Close())
}
