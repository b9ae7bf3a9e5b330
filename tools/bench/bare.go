package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// bareCopies measure what the machine gives to the simplest of copies.
func (r *runner) bareCopies(ctx context.Context) error {
	var failed []error
	for _, cell := range []string{cellForgets, cellKeeps} {
		if !r.cfg.wants(cell) || ctx.Err() != nil {
			continue
		}
		err := r.inFolder("bare", func(dir string) error {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			from, err := fill(filepath.Join(dir, "from"), r.cfg.copied)
			if err != nil {
				return err
			}
			defer from.Close()
			if err := r.sync(); err != nil {
				return err
			}
			w, err := startWatch(selfCPU)
			if err != nil {
				return err
			}
			to := ""
			if cell == cellKeeps {
				to = dir
			}
			took, err := bareCopy(ctx, from, to)
			if err != nil {
				return err
			}
			others, err := w.others()
			if err != nil {
				return err
			}
			rate := float64(r.cfg.copied) / took.Seconds()
			r.note(sample{Target: limit, Cell: cell, Values: map[string]float64{metricBytes: rate, metricOthers: others}})
			return nil
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("%s, %s: %w", limit, cell, err))
		}
	}
	return errors.Join(failed...)
}

// fill makes a file of n bytes, which are in the page cache then as what a
// master has just written is.
func fill(name string, n int64) (*os.File, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i * 131)
	}
	for at := int64(0); at < n; at += int64(len(block)) {
		if _, err := f.WriteAt(block[:min(int64(len(block)), n-at)], at); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// bareCopy sends a file over loopback with sendfile, and returns how long it
// took. Who receives it forgets it, or, if to is not empty, writes it down in
// segments there and forces each with one fdatasync when it is full.
func bareCopy(ctx context.Context, from *os.File, to string) (time.Duration, error) {
	ln, err := net.Listen("tcp", loopback(0))
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	var d net.Dialer
	out, err := d.DialContext(ctx, "tcp", ln.Addr().String())
	if err != nil {
		return 0, err
	}
	defer out.Close()
	in, err := ln.Accept()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	stop := context.AfterFunc(ctx, func() { in.Close(); out.Close() })
	defer stop()
	start := time.Now()
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(out, from)
		sent <- errors.Join(err, out.Close())
	}()
	if to == "" {
		_, err = io.Copy(io.Discard, in)
	} else {
		err = writeDown(in, to)
	}
	took := time.Since(start)
	in.Close() // whoever still sends hears of it
	return took, errors.Join(err, <-sent)
}

// writeDown writes what comes to files of one segment each.
func writeDown(in io.Reader, dir string) error {
	buf := make([]byte, 1<<20)
	for i := 0; ; i++ {
		more, err := writeSegment(in, filepath.Join(dir, fmt.Sprint(i)), buf)
		if err != nil || !more {
			return err
		}
	}
}

func writeSegment(in io.Reader, name string, buf []byte) (more bool, err error) {
	f, err := os.Create(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, segment); err != nil {
		return false, fmt.Errorf("allocate: %w", err)
	}
	more = true
	for at := int64(0); at < segment && more; {
		n, err := io.ReadFull(in, buf)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			more = false
		case err != nil:
			return false, err
		}
		if _, err := f.WriteAt(buf[:n], at); err != nil {
			return false, err
		}
		at += int64(n)
	}
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		return false, fmt.Errorf("fdatasync: %w", err)
	}
	return more, nil
}
