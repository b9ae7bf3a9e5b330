package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A volume is a file system of its own on a loop device: what is written to
// the device is counted by the kernel, and nobody else writes to it.
type volume struct {
	dir    string // where it is mounted
	device string // "loop3"
}

// newVolume makes an ext4 of so many bytes and mounts it at dir. Everything is
// at its defaults but for two things: access times, which some appliances write
// and none needs; and the inode tables and the journal, which are zeroed now and
// not by the kernel later, in the middle of what is measured.
//
// File and loop device are let go at once, so that the end of the mount is the
// end of them, and the end of this program's mount namespace that of the mount.
func newVolume(ctx context.Context, dir string, size int64) (_ *volume, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	image := filepath.Clean(dir) + ".img"
	f, err := os.Create(image)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(image)) }()
	if err := f.Truncate(size); err != nil {
		return nil, err
	}
	out, err := command(ctx, "losetup", "--find", "--show", image)
	if err != nil {
		return nil, err
	}
	device := strings.TrimSpace(out)
	defer func() { // of a mounted device the kernel does it when the mount ends
		_, derr := command(context.WithoutCancel(ctx), "losetup", "--detach", device)
		err = errors.Join(err, derr)
	}()
	if _, err := command(ctx, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", device); err != nil {
		return nil, err
	}
	if err := unix.Mount(device, dir, "ext4", unix.MS_NOATIME, ""); err != nil {
		return nil, fmt.Errorf("mount %s at %s: %w", device, dir, err)
	}
	return &volume{dir: dir, device: filepath.Base(device)}, nil
}

// close unmounts it, which lets go of its space too.
func (v *volume) close() error {
	err := unix.Unmount(v.dir, 0)
	for range 50 { // whoever was killed a moment ago may not have let go of its files yet
		if !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(100 * time.Millisecond)
		err = unix.Unmount(v.dir, 0)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("unmount %s: %w", v.dir, err), unix.Unmount(v.dir, unix.MNT_DETACH))
	}
	return nil
}

// settle has everything written that is to be: twice, since the first time may
// leave the journal with something to say.
func (v *volume) settle() error {
	d, err := os.Open(v.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for range 2 {
		if err := unix.Syncfs(int(d.Fd())); err != nil {
			return fmt.Errorf("sync the file system at %s: %w", v.dir, err)
		}
	}
	return nil
}

// written reads what the device was given so far.
func (v *volume) written() (blockStat, error) {
	b, err := os.ReadFile(filepath.Join("/sys/block", v.device, "stat"))
	if err != nil {
		return blockStat{}, err
	}
	return parseBlockStat(b)
}

// command runs a program and returns what it prints.
func command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", cmd, err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
