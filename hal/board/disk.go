package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Kind is what a disk is made of, as far as the kernel tells.
type Kind string

// The kinds there are.
const (
	EMMC    Kind = "eMMC"
	SD      Kind = "SD card"
	NVMe    Kind = "NVMe"
	UFS     Kind = "UFS"
	USB     Kind = "USB"
	SCSI    Kind = "SATA or SCSI"
	Loop    Kind = "loop"
	Mapped  Kind = "device mapper"
	RAID    Kind = "RAID"
	Zram    Kind = "compressed memory"
	RAM     Kind = "memory"
	MTD     Kind = "raw flash"
	Virtual Kind = "virtual"
	Unknown Kind = "unknown"
)

// A Disk is a block device, with the partition of it that is in use.
type Disk struct {
	Name       string // mmcblk0
	Partition  string // mmcblk0p2; "" if the whole disk is in use
	Kind       Kind
	Cache      string // queue/write_cache: "write back", "write through"; "" if it does not tell
	Rotational bool
	Removable  bool
	Lies       string // what a loop or a mapping lies on, or is called: a file, a name
	dir        string // in sysfs, without links
}

// Volatile says whether the disk forgets everything when the power goes.
func (d *Disk) Volatile() bool { return d.Kind == Zram || d.Kind == RAM }

// String names the partition in use, the kind of disk, and its cache.
func (d *Disk) String() string {
	name := d.Name
	if d.Partition != "" {
		name = d.Partition
	}
	text := name + " (" + string(d.Kind)
	if d.Cache != "" {
		text += ", " + d.Cache
	}
	if d.Lies != "" {
		text += ", " + d.Lies
	}
	return text + ")"
}

// disk returns the device with these numbers, /sys/dev/block/MAJ:MIN.
func (b *Board) disk(major, minor uint32) (Disk, error) {
	return b.diskAt(b.sys("dev", "block", fmt.Sprintf("%d:%d", major, minor)))
}

// diskNamed returns the device with this name, as in /sys/class/block.
func (b *Board) diskNamed(name string) (Disk, error) {
	return b.diskAt(b.sys("class", "block", name))
}

// diskAt reads the folder in sysfs that a link leads to.
func (b *Board) diskAt(link string) (Disk, error) {
	dir, err := filepath.EvalSymlinks(link)
	if err != nil {
		return Disk{}, fmt.Errorf("board: %w", err)
	}
	d := Disk{Name: filepath.Base(dir), dir: dir}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		d.dir = filepath.Dir(dir) // the disk's folder holds those of its partitions
		d.Partition, d.Name = d.Name, filepath.Base(d.dir)
	}
	d.Kind = d.kind()
	d.Cache = word(filepath.Join(d.dir, "queue", "write_cache"))
	d.Rotational = word(filepath.Join(d.dir, "queue", "rotational")) == "1"
	d.Removable = word(filepath.Join(d.dir, "removable")) == "1"
	switch d.Kind {
	case Loop:
		d.Lies = word(filepath.Join(d.dir, "loop", "backing_file"))
	case Mapped:
		d.Lies = word(filepath.Join(d.dir, "dm", "name"))
	}
	return d, nil
}

// kind tells the kind by the driver's name for the disk, and by what its folder has.
func (d *Disk) kind() Kind {
	for _, k := range []struct {
		prefix string
		kind   Kind
	}{
		{"nvme", NVMe}, {"loop", Loop}, {"dm-", Mapped}, {"md", RAID}, {"zram", Zram}, {"ram", RAM},
		{"mtdblock", MTD}, {"ubiblock", MTD}, {"vd", Virtual}, {"xvd", Virtual}, {"nbd", Virtual},
	} {
		if rest, ok := strings.CutPrefix(d.Name, k.prefix); ok && rest != "" {
			return k.kind
		}
	}
	switch {
	case strings.HasPrefix(d.Name, "mmcblk"):
		switch word(filepath.Join(d.dir, "device", "type")) {
		case "MMC":
			return EMMC
		case "SD", "SDcombo":
			return SD
		}
	case strings.HasPrefix(d.Name, "sd"):
		if _, err := d.healthDir(); err == nil {
			return UFS
		}
		if strings.Contains(d.dir, "/usb") {
			return USB
		}
		return SCSI
	}
	return Unknown
}

// healthDir returns the folder of a UFS disk's health descriptor. It belongs to
// the controller, some folders above the disk.
func (d *Disk) healthDir() (string, error) {
	for dir := d.dir; len(dir) > 1 && filepath.Base(dir) != "devices"; dir = filepath.Dir(dir) {
		health := filepath.Join(dir, "health_descriptor")
		if _, err := os.Stat(health); err == nil {
			return health, nil
		}
	}
	return "", fmt.Errorf("board: health_descriptor above %s: %w", d.dir, fs.ErrNotExist)
}

// below returns the disks that this one is made of: a mapping's and a RAID's.
func (b *Board) below(d *Disk) ([]Disk, error) {
	list, err := os.ReadDir(filepath.Join(d.dir, "slaves"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	var all []Disk
	for _, e := range list {
		s, err := b.diskAt(filepath.Join(d.dir, "slaves", e.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}
