package disk

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// An osFile is a file of the operating system.
type osFile struct {
	f    *os.File
	name string // as the caller knows it
}

// fail names the operation, the file and the place in an error.
func (f *osFile) fail(op string, off, n int64, err error) error {
	return fmt.Errorf("disk: %s %s at %d, %d bytes: %w", op, f.name, off, n, bare(err))
}

// bare takes off what os adds: the path is in the error already.
func bare(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (f *osFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.f.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = f.fail("read", off, int64(len(p)), err)
	}
	return n, err
}

func (f *osFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.f.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		err = f.fail("write", off, int64(len(p)), err)
	}
	return n, err
}

func (f *osFile) Datasync() error {
	if err := control(f.f, unix.Fdatasync); err != nil {
		return fmt.Errorf("disk: fdatasync %s: %w", f.name, err)
	}
	return nil
}

func (f *osFile) Sync() error {
	if err := f.f.Sync(); err != nil {
		return fmt.Errorf("disk: fsync %s: %w", f.name, bare(err))
	}
	return nil
}

func (f *osFile) Truncate(size int64) error {
	if err := f.f.Truncate(size); err != nil {
		return f.fail("truncate", size, 0, err)
	}
	return nil
}

// Allocate uses fallocate without flags: the file gets its size now, so that
// writing within it later changes no metadata but the extents' state.
func (f *osFile) Allocate(size int64) error {
	err := control(f.f, func(fd int) error { return unix.Fallocate(fd, 0, 0, size) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = f.fillZero(size)
	}
	if err != nil {
		return f.fail("allocate", 0, size, err)
	}
	return nil
}

// fillZero is Allocate where the file system cannot: what the file gains is
// written, since a hole would reserve nothing.
func (f *osFile) fillZero(size int64) error {
	at, err := f.Size()
	if err != nil {
		return err
	}
	zeros := make([]byte, 64<<10)
	for at < size {
		n, err := f.f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

func (f *osFile) DropCache(off, n int64) error {
	err := control(f.f, func(fd int) error { return unix.Fadvise(fd, off, n, unix.FADV_DONTNEED) })
	if err != nil {
		return f.fail("drop cache of", off, n, err)
	}
	return nil
}

func (f *osFile) Size() (int64, error) {
	st, err := f.f.Stat()
	if err != nil {
		return 0, fmt.Errorf("disk: stat %s: %w", f.name, bare(err))
	}
	return st.Size(), nil
}

func (f *osFile) Close() error {
	if err := f.f.Close(); err != nil {
		return fmt.Errorf("disk: close %s: %w", f.name, bare(err))
	}
	return nil
}

// control runs a system call on the file's descriptor and repeats it while a
// signal interrupts it, as package os does. That is not the forbidden retry of
// a failed sync: EINTR reports no lost page.
func control(f *os.File, call func(fd int) error) error {
	rc, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	err = rc.Control(func(fd uintptr) {
		for {
			if callErr = call(int(fd)); !errors.Is(callErr, unix.EINTR) {
				return
			}
		}
	})
	if err != nil {
		return os.ErrClosed // the one reason for which Control does not run
	}
	return callErr
}
