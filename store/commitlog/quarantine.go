package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"pairmq/hal/disk"
)

// quarantine copies the bytes [from, to) to a new file, durably, and returns its
// name. Nothing here ever removes it.
func (l *Log) quarantine(from, to int64) (name string, err error) {
	return l.keep(from, to, func(f disk.File) error { return l.copyOut(f, from, to) })
}

// keep makes a new file for the bytes [from, to), which fill writes, durably, and
// returns its name.
func (l *Log) keep(from, to int64, fill func(disk.File) error) (name string, err error) {
	d := l.opts.FS
	if err := d.MkdirAll(l.opts.Quarantine); err != nil {
		return "", err
	}
	if name, err = l.unusedName(from); err != nil {
		return "", err
	}
	f, err := d.Create(name)
	if err != nil {
		return "", err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = d.SyncDir(l.opts.Quarantine)
	}
	if noSpace(err) {
		err = errors.Join(err, d.Remove(name))
	}
	if err != nil {
		return "", fmt.Errorf("commitlog: copy bytes %d to %d to %s: %w", from, to, name, err)
	}
	return name, nil
}

// unusedName is the name of a file that does not exist, for bytes from offset
// from on.
func (l *Log) unusedName(from int64) (string, error) {
	for n := 1; ; n++ {
		name := path.Join(l.opts.Quarantine, fmt.Sprintf("commitlog-%s-%d", segmentName(from), n))
		f, err := l.opts.FS.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return name, nil
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			return "", err
		}
	}
}

// copyOut writes the bytes [from, to) of the log to the start of f.
func (l *Log) copyOut(f disk.File, from, to int64) error {
	buf := make([]byte, min(64<<10, to-from))
	for at := from; at < to; {
		s := l.find(at)
		b := buf[:min(int64(len(buf)), to-at, s.end-at)]
		if err := l.readSegment(s, b, at); err != nil {
			return err
		}
		if _, err := f.WriteAt(b, at-from); err != nil {
			return err
		}
		at += int64(len(b))
	}
	return nil
}

// readSegment fills b from offset off of s, written or not.
func (l *Log) readSegment(s *segment, b []byte, off int64) error {
	f, err := l.acquire(s)
	if err != nil {
		return err
	}
	defer s.release()
	if n, err := f.ReadAt(b, off-s.base); n < len(b) {
		return fmt.Errorf("commitlog: read %d bytes at offset %d: %w", len(b), off, unexpected(err))
	}
	return nil
}
