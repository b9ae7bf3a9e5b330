package board

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// A Place is what a folder lies on.
type Place struct {
	Folder string  // absolute, without links
	Mounts []Mount // the one the folder is in, then those that this one lies on
	Disks  []Disk  // the one below the first mount, then those that this one lies on
}

// maxLayers bounds how far a Place is followed down: overlay, loop, mapping, RAID
// and disk are five.
const maxLayers = 8

// Place finds the file system and the devices under a folder, which need not
// exist yet. What cannot be found further down leaves the Place shorter and is
// told in the error beside it; a Place without Mounts is none.
func (b *Board) Place(folder string) (Place, error) {
	abs, err := resolve(folder)
	if err != nil {
		return Place{}, err
	}
	return b.place(abs)
}

// resolve returns the absolute path without links of a folder; what of it does not
// exist yet is kept as it is.
func resolve(folder string) (string, error) {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("board: %s: %w", folder, err)
	}
	for head, tail := abs, ""; ; head, tail = filepath.Dir(head), filepath.Join(filepath.Base(head), tail) {
		path, err := filepath.EvalSymlinks(head)
		if err == nil {
			return filepath.Join(path, tail), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || head == filepath.Dir(head) {
			return "", fmt.Errorf("board: %w", err)
		}
	}
}

func (b *Board) place(abs string) (Place, error) {
	p := Place{Folder: abs}
	all, err := b.Mounts()
	if err != nil {
		return p, err
	}
	return p, b.descend(&p, all, abs)
}

// descend adds the mount that abs is in, and what lies below it.
func (b *Board) descend(p *Place, all []Mount, abs string) error {
	m, err := mountOf(all, abs)
	if err != nil {
		return err
	}
	if len(p.Mounts) >= maxLayers {
		return fmt.Errorf("board: more than %d file systems lie upon each other at %s", maxLayers, abs)
	}
	if m.Type == "overlay" { // what is written goes to the upper folder
		p.Mounts = append(p.Mounts, m)
		upper := m.Value("upperdir")
		if !strings.HasPrefix(upper, "/") || within(upper, m.Point) && m.Point != "/" {
			return nil // it is another namespace's path
		}
		if u, err := mountOf(all, upper); err != nil || u.ID == m.ID {
			return nil // hidden below the overlay, or outside of what this process sees
		}
		return b.descend(p, all, upper)
	}
	d, err := b.diskOf(&m)
	if err == nil && m.Type == "ext4" {
		m.FastCommits = b.fastCommits(&d)
	}
	p.Mounts = append(p.Mounts, m)
	if err != nil || d.Name == "" {
		return err
	}
	return b.descendDisk(p, all, d)
}

// diskOf returns the device of a mount; a Disk without name if it has none.
func (b *Board) diskOf(m *Mount) (Disk, error) {
	if m.Major != 0 {
		return b.disk(m.Major, m.Minor)
	}
	// btrfs has numbers of its own, and names its device.
	name, ok := strings.CutPrefix(m.Source, "/dev/")
	if !ok || m.Type != "btrfs" {
		return Disk{}, nil
	}
	if path, err := filepath.EvalSymlinks(filepath.Join(b.opts.Dev, name)); err == nil {
		name = filepath.Base(path) // /dev/mapper/data is a link to ../dm-0
	}
	return b.diskNamed(filepath.Base(name))
}

// descendDisk adds a disk and what it lies on.
func (b *Board) descendDisk(p *Place, all []Mount, d Disk) error {
	if len(p.Disks) >= maxLayers {
		return fmt.Errorf("board: more than %d disks lie upon each other at %s", maxLayers, p.Folder)
	}
	p.Disks = append(p.Disks, d)
	if d.Kind == Loop {
		return b.descendLoop(p, all, &d)
	}
	below, err := b.below(&d)
	for _, s := range below {
		err = errors.Join(err, b.descendDisk(p, all, s))
	}
	return err
}

// descendLoop follows a loop to the device or to the file that it lies on.
func (b *Board) descendLoop(p *Place, all []Mount, d *Disk) error {
	if dir := filepath.Dir(d.Lies); dir == "/" || dir == "/dev" { // an init in memory calls /dev/mmcblk0p2 /mmcblk0p2
		if under, err := b.diskNamed(filepath.Base(d.Lies)); err == nil && under.dir != d.dir {
			return b.descendDisk(p, all, under)
		}
	}
	if !strings.HasPrefix(d.Lies, "/") {
		return nil
	}
	return b.descend(p, all, d.Lies)
}

// Base is the disk at the bottom, whose flash wears; nil if none is known.
func (p *Place) Base() *Disk {
	if len(p.Disks) == 0 {
		return nil
	}
	return &p.Disks[len(p.Disks)-1]
}

// FileSystem names the file system that the folder is in and where it is mounted:
// "f2fs at /data", "overlay at / on f2fs at /overlay".
func (p *Place) FileSystem() string {
	text := make([]string, len(p.Mounts))
	for i := range p.Mounts {
		text[i] = p.Mounts[i].Type + " at " + p.Mounts[i].Point
	}
	return strings.Join(text, " on ")
}

// Device names the disks, the one at the bottom last.
func (p *Place) Device() string {
	text := make([]string, len(p.Disks))
	for i := range p.Disks {
		text[i] = p.Disks[i].String()
	}
	return strings.Join(text, " on ")
}
