package commitlog

import (
	"bytes"
	"fmt"
	"io"

	"pairmq/hal/disk"
)

// Stored is the end of what the files are known to hold of the log: Durable, or
// on a damaged log the end of the last good record, wherever that lies.
func (l *Log) Stored() int64 {
	return max(l.durable.Load(), l.last.Load())
}

// block is how much is given up where the medium cannot be read, in bytes.
const block = 4 << 10

// ReadStored reads what the medium holds from off on, good or bad: not what the
// kernel remembers, and on a damaged log also what ReadAt does not reach. It
// returns io.EOF with fewer than len(p) bytes where Stored is reached or a
// segment ends, and an error that wraps fs.ErrNotExist if off is before Start.
// lost counts the bytes that could not be read; they are zeros in p.
func (l *Log) ReadStored(p []byte, off int64) (n, lost int, err error) {
	stored := l.Stored()
	if off >= stored {
		return 0, 0, io.EOF
	}
	s := l.find(off)
	if s == nil {
		return 0, 0, errRetired(off, l.start.Load())
	}
	f, err := l.acquire(s)
	if err != nil {
		return 0, 0, err
	}
	defer s.release()
	n = int(min(int64(len(p)), s.end-off, stored-off))
	if lost, err = readMedium(f, p[:n], off-s.base); err != nil {
		return 0, 0, fmt.Errorf("commitlog: read %d bytes at offset %d: %w", n, off, err)
	}
	if lost > 0 {
		l.log.Warn("bytes of the log cannot be read", "phyOffset", off, "bytes", n, "lost", lost)
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, lost, err
}

// readMedium fills p from position at of f. Blocks that cannot be read are zeros.
func readMedium(f disk.File, p []byte, at int64) (lost int, err error) {
	from, to := at-at%block, at+int64(len(p))+block-1
	if err := f.DropCache(from, to-to%block-from); err != nil {
		return 0, err
	}
	if n, _ := f.ReadAt(p, at); n == len(p) {
		return 0, nil
	}
	for len(p) > 0 {
		b := p[:min(int64(len(p)), block-at%block)]
		if n, _ := f.ReadAt(b, at); n < len(b) {
			clear(b)
			lost += len(b)
		}
		p, at = p[len(b):], at+int64(len(b))
	}
	return lost, nil
}

// Patch overwrites bytes of the log that have gone bad: from, which ReadStored
// returned at off, by to, which has as many. It may run at the same time as
// everything else. A copy of what was there goes to quarantine first, whose name
// is returned. On return to is on flash. A power cut on the way leaves these bytes
// as they were, as they should be, or torn, and no others changed.
//
// It fails with ErrChanged if something else lies at off by now, with an error
// that wraps fs.ErrNotExist if it was retired, and if there is no space for the
// copy; then nothing was changed. A write that fails is no failure of the log,
// which has lost nothing by it. A failed sync is: it may have been another's.
func (l *Log) Patch(off int64, from, to []byte) (copied string, err error) {
	l.dirMu.Lock() // nobody truncates or retires meanwhile
	defer l.dirMu.Unlock()
	if err := l.stillThere(off, from, len(to)); err != nil {
		return "", err
	}
	copied, err = l.keep(off, off+int64(len(from)), func(f disk.File) error {
		_, err := f.WriteAt(from, 0)
		return err
	})
	if err != nil {
		return "", err
	}
	if err := l.overwrite(off, to); err != nil {
		return copied, err
	}
	l.log.Warn("bytes that had gone bad were replaced", "phyOffset", off, "bytes", len(to), "copy", copied)
	return copied, nil
}

// stillThere compares what lies at off with from. l.dirMu is held.
func (l *Log) stillThere(off int64, from []byte, n int) error {
	if err := l.Failed(); err != nil {
		return err
	}
	if len(from) == 0 || len(from) != n {
		return fmt.Errorf("commitlog: cannot replace %d bytes at %d by %d", len(from), off, n)
	}
	now := make([]byte, n)
	if n, _, err := l.ReadStored(now, off); err != nil {
		return fmt.Errorf("commitlog: %d bytes to be replaced at %d, %d are there: %w", len(from), off, n, err)
	}
	if !bytes.Equal(now, from) {
		return fmt.Errorf("%w: %d bytes at offset %d", ErrChanged, len(from), off)
	}
	return nil
}

// overwrite writes b at off, within one segment, and syncs it. It takes the turn
// of a sync: the kernel tells only one of them that a page was lost.
func (l *Log) overwrite(off int64, b []byte) error {
	l.syncing <- struct{}{}
	defer func() { <-l.syncing }()
	if err := l.Failed(); err != nil {
		return err
	}
	s := l.find(off)
	f, err := l.acquire(s)
	if err != nil {
		return err
	}
	defer s.release()
	if _, err := f.WriteAt(b, off-s.base); err != nil {
		return fmt.Errorf("commitlog: replace %d bytes at offset %d: %w", len(b), off, err)
	}
	if err := f.Datasync(); err != nil {
		return l.fail(fmt.Errorf("commitlog: sync %d bytes replaced at offset %d: %w", len(b), off, err))
	}
	return nil
}
