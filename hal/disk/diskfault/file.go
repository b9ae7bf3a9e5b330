package diskfault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// A file is one open file. It goes on after its name is gone.
type file struct {
	fs     *FS
	c      *content
	name   string
	closed bool
}

// state is why the file cannot be used, if so. fs.mu is held.
func (f *file) state() error {
	if f.fs.down != nil {
		return fmt.Errorf("diskfault: %s: %w", f.name, f.fs.down)
	}
	if f.closed {
		return fmt.Errorf("diskfault: %s: %w", f.name, fs.ErrClosed)
	}
	return nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.state(); err != nil {
		return 0, err
	}
	f.fs.stats.Reads++
	if off < 0 {
		return 0, fmt.Errorf("diskfault: read %s at %d: %w", f.name, off, syscall.EINVAL)
	}
	if off >= int64(len(f.c.seen)) {
		return 0, io.EOF
	}
	n := copy(p, f.c.seen[off:])
	f.fs.stats.BytesRead += int64(n)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// do is FS.do for an open file.
func (f *file) do(op Op, apply func(v verdict) error) error {
	op.Name = f.name
	return f.fs.do(op, func(v verdict) error {
		if f.closed {
			return fs.ErrClosed
		}
		return apply(v)
	})
}

// WriteAt stores all of p, or what chance leaves of it if it fails.
func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.do(Op{Kind: Write, Off: off, Len: int64(len(p))}, func(v verdict) error {
		if off < 0 {
			return syscall.EINVAL
		}
		if len(p) == 0 {
			return nil
		}
		n = len(p)
		if v == fail || v == short {
			n = f.fs.rng.IntN(len(p))
		}
		if err := f.grow(off + int64(n)); err != nil {
			n = 0
			return err
		}
		f.fs.stats.Writes++
		f.fs.stats.BytesWritten += int64(n)
		if n > 0 {
			f.c.change(change{off: off, data: append([]byte(nil), p[:n]...)})
		}
		return nil
	})
	if errors.Is(err, ErrPowerCut) {
		n = 0
	}
	return n, err
}

// grow accounts for a file that becomes at least size bytes long.
func (f *file) grow(size int64) error {
	more := size - int64(len(f.c.seen))
	if more <= 0 {
		return nil
	}
	if q := f.fs.plan.Quota; q > 0 && f.fs.used+more > q {
		return fmt.Errorf("%w: %d bytes used of %d", syscall.ENOSPC, f.fs.used, q)
	}
	f.fs.used += more
	return nil
}

func (f *file) Datasync() error { return f.sync(Datasync) }
func (f *file) Sync() error     { return f.sync(Sync) }

func (f *file) sync(k Kind) error {
	return f.do(Op{Kind: k}, func(v verdict) error {
		f.fs.stats.Syncs++
		switch v {
		case pass:
			f.c.sync()
		case fail:
			f.c.forget()
		}
		return nil
	})
}

func (f *file) Truncate(size int64) error {
	return f.do(Op{Kind: Truncate, Len: size}, func(v verdict) error {
		if size < 0 {
			return syscall.EINVAL
		}
		if v == fail {
			return nil
		}
		if err := f.grow(size); err != nil {
			return err
		}
		f.fs.used -= max(0, int64(len(f.c.seen))-size)
		f.c.change(change{size: size})
		return nil
	})
}

func (f *file) Allocate(size int64) error {
	return f.do(Op{Kind: Allocate, Len: size}, func(v verdict) error {
		if size <= 0 {
			return syscall.EINVAL
		}
		if v == fail || size <= int64(len(f.c.seen)) {
			return nil
		}
		if err := f.grow(size); err != nil {
			return err
		}
		f.c.change(change{size: size})
		return nil
	})
}

func (f *file) DropCache(off, n int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.state(); err != nil {
		return err
	}
	f.c.drop(off, n)
	return nil
}

func (f *file) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.c.seen)), f.state()
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return fmt.Errorf("diskfault: %s: %w", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}
