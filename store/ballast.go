package store

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"pairmq/hal/disk"
)

// The ballast is a file that only takes room. When the file system is full to
// the brim it is removed, so that the index, which must not fail, can still grow,
// and the store can be opened again.
const (
	ballastFile  = "ballast"
	ballastBytes = 16 << 20
)

// findBallast says whether there is a ballast, and removes it where the file
// system has less left than it takes. It is called before anything is written.
func findBallast(fsys disk.FS) (bool, error) {
	entries, err := fsys.ReadDir("")
	if err != nil || !slices.ContainsFunc(entries, func(e disk.Entry) bool { return e.Name == ballastFile && e.Size == ballastBytes }) {
		return false, err
	}
	sp, err := fsys.Space()
	if err != nil || sp.Avail >= ballastBytes {
		return true, err
	}
	return false, removeBallast(fsys)
}

func removeBallast(fsys disk.FS) error {
	err := fsys.Remove(ballastFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fsys.SyncDir("")
	}
	if err != nil {
		return fmt.Errorf("give the index the room of %s: %w", ballastFile, err)
	}
	return nil
}

// keepBallast makes the ballast while there is room, and removes it when there
// is none left. s.cleaning is held.
func (s *Store) keepBallast() error {
	switch level := s.Level(); {
	case s.opts.Watermarks == (Watermarks{}):
		return nil
	case level == Critical && s.ballast:
		s.ballast = false
		s.log.Warn("the ballast is removed: the index gets its room", "file", ballastFile, "bytes", ballastBytes)
		return removeBallast(s.opts.FS)
	case level == Roomy && !s.ballast:
		s.ballast = true // or it was tried
		if err := makeBallast(s.opts.FS); err != nil {
			s.log.Warn("the index has no ballast", "file", ballastFile, "err", err)
			return removeBallast(s.opts.FS)
		}
	}
	return nil
}

// makeBallast need not be durable: nothing is kept in it.
func makeBallast(fsys disk.FS) error {
	f, err := fsys.Create(ballastFile)
	if err != nil {
		return err
	}
	return errors.Join(f.Allocate(ballastBytes), f.Close())
}
