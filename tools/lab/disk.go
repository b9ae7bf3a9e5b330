package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// What a disk does with writes until it is told to flush.
const (
	volatile = "writeback" // keeps them in a cache, which a power cut empties
	lying    = "unsafe"    // the same, and says that it has flushed when it has not
)

// cacheSize is more than any life writes, so that nothing leaves the cache early.
const cacheSize = "4G"

// A disk is the machine's state disk: an image behind nbdkit, whose cache filter
// has what was written and not flushed. Killing nbdkit is the power cut.
type disk struct {
	image  string
	socket string
	cache  string // volatile or lying
	log    string
	proc   *process
}

// power switches the disk on.
func (d *disk) power(ctx context.Context) (err error) {
	if err := os.Remove(d.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	d.proc, err = spawn(d.log, "nbdkit", "--foreground", "--unix", d.socket, "--filter=cache", "file", "file="+d.image, "cache="+d.cache, "cache-max-size="+cacheSize)
	if err != nil {
		return err
	}
	for range 500 {
		if _, err := os.Stat(d.socket); err == nil {
			return nil
		}
		if d.proc.ended() || ctx.Err() != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.proc.kill()
	return fmt.Errorf("nbdkit did not come up; see %s", d.log)
}

// drive is what qemu is told of the disk.
func (d *disk) drive() string {
	return "file=nbd+unix:///?socket=" + d.socket + ",format=raw,cache=none"
}

// plainDrive is what qemu is told of a disk that loses nothing: the device mapper
// does that inside of the machine. The host never waits for it.
func plainDrive(image string) string { return "file=" + image + ",format=raw,cache=unsafe" }

// makeImage makes a file with an empty file system.
func makeImage(ctx context.Context, file, kind string, size int64) error {
	if err := makeBlank(file, size); err != nil {
		return err
	}
	switch kind {
	case "ext4":
		return command(ctx, "mkfs.ext4", "-q", "-F", "-m", "1", file)
	case "f2fs":
		return command(ctx, "mkfs.f2fs", "-q", file)
	}
	return fmt.Errorf("%w: there is no file system %q", errUnable, kind)
}

// makeBlank makes a file that is all zeros and takes no room.
func makeBlank(file string, size int64) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(size)
}

// checkImage has the file system's own checker look at an image that was
// unmounted. It changes nothing.
func checkImage(ctx context.Context, file, kind string) error {
	if kind == "ext4" {
		return command(ctx, "e2fsck", "-f", "-n", file)
	}
	return command(ctx, "fsck.f2fs", "--dry-run", file)
}

// checkCut does what a mount does after a power cut to a copy of an ext4 image,
// and has it checked: the journal must make it whole. f2fs's checker cannot do
// that outside of the kernel.
func checkCut(ctx context.Context, file, kind string) error {
	if kind != "ext4" {
		return nil
	}
	copied := file + ".fsck"
	defer os.Remove(copied)
	if err := command(ctx, "cp", "--sparse=always", file, copied); err != nil {
		return err
	}
	if err := command(ctx, "e2fsck", "-E", "journal_only", "-y", copied); err != nil {
		return fmt.Errorf("replay the journal of %s: %w", filepath.Base(file), err)
	}
	return command(ctx, "e2fsck", "-f", "-n", copied)
}
