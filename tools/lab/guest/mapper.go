package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"pairmq/tools/lab/order"
)

// Commands of /dev/mapper/control and flags of their header: include/uapi/linux/dm-ioctl.h.
const (
	dmCreate  = 3
	dmRemove  = 4
	dmSuspend = 6 // and resume, without the flag
	dmLoad    = 9
	dmMessage = 14

	dmFlagSuspend = 1 << 1
	dmFlagNoLock  = 1 << 10 // do not have the file system write back and stand still
	dmFlagNoFlush = 1 << 11

	dmHeaderSize = 312 // struct dm_ioctl
	dmTargetSize = 40  // struct dm_target_spec
	sectorSize   = 512
)

// A request is one call of /dev/mapper/control: the header, then what follows it.
//
//	0 ...... 12 ..... 16 ..... 20 ..... 24 ..... 28 ..... 40 ..... 48 ...... 176
//	version  size     start    targets  open     flags    device   name[128] uuid
type request struct {
	command uint
	name    string
	flags   uint32
	targets uint32
	rest    []byte
}

// do makes the call and returns the device's number.
func (r request) do() (dev uint64, err error) {
	f, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b := make([]byte, max(dmHeaderSize+len(r.rest)+8, 4096)) // room for what comes back
	native := binary.NativeEndian
	native.PutUint32(b, 4) // the version of the interface; the kernel must have one at least as new
	native.PutUint32(b[12:], uint32(len(b)))
	native.PutUint32(b[16:], dmHeaderSize)
	native.PutUint32(b[20:], r.targets)
	native.PutUint32(b[28:], r.flags)
	copy(b[48:48+127], r.name)
	copy(b[dmHeaderSize:], r.rest)
	// _IOWR(0xfd, command, struct dm_ioctl)
	code := uintptr(3<<30 | dmHeaderSize<<16 | 0xfd<<8 | r.command)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), code, uintptr(unsafe.Pointer(&b[0]))); errno != 0 {
		return 0, fmt.Errorf("device mapper command %d for %s: %w", r.command, r.name, errno)
	}
	return native.Uint64(b[40:]), nil
}

// createDevice makes a device and returns its path.
func createDevice(name string, t order.Table) (string, error) {
	if err := loadModules(t.Target); err != nil {
		return "", err
	}
	if err := awaitDevice("/dev/mapper/control"); err != nil {
		return "", err
	}
	dev, err := request{command: dmCreate, name: name}.do()
	if err != nil {
		return "", err
	}
	if err = load(name, t); err == nil {
		_, err = request{command: dmSuspend, name: name}.do()
	}
	path := fmt.Sprintf("/dev/dm-%d", unix.Minor(dev))
	if err == nil {
		err = awaitDevice(path)
	}
	if err != nil {
		request{command: dmRemove, name: name}.do()
		return "", err
	}
	return path, nil
}

// load gives a device a table, which counts from the next resume on.
func load(name string, t order.Table) error {
	sectors, err := sectorsOf(t.Over)
	if err != nil {
		return err
	}
	rest := make([]byte, dmTargetSize, dmTargetSize+len(t.Params)+8)
	native := binary.NativeEndian
	native.PutUint64(rest[8:], sectors)
	copy(rest[24:39], t.Target)
	rest = append(append(rest, t.Params...), 0)
	for len(rest)%8 != 0 {
		rest = append(rest, 0)
	}
	native.PutUint32(rest[20:], uint32(len(rest)))
	_, err = request{command: dmLoad, name: name, targets: 1, rest: rest}.do()
	return err
}

// reloadDevice changes a device under a file system that does not notice: what
// it has not written yet stays unwritten.
func reloadDevice(name string, t order.Table) error {
	if err := load(name, t); err != nil {
		return err
	}
	if _, err := (request{command: dmSuspend, name: name, flags: dmFlagSuspend | dmFlagNoLock | dmFlagNoFlush}).do(); err != nil {
		return err
	}
	_, err := request{command: dmSuspend, name: name}.do()
	return err
}

func removeDevice(name string) error {
	_, err := request{command: dmRemove, name: name}.do()
	return err
}

// messageDevice tells the target of a device something.
func messageDevice(name, text string) error {
	rest := append(make([]byte, 8, 8+len(text)+1), text...) // sector 0, then the text
	_, err := request{command: dmMessage, name: name, rest: append(rest, 0)}.do()
	return err
}

// sectorsOf is the size of a device.
func sectorsOf(device string) (uint64, error) {
	if err := awaitDevice(device); err != nil {
		return 0, err
	}
	f, err := os.Open(device)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := f.Seek(0, 2)
	if err != nil {
		return 0, fmt.Errorf("the size of %s: %w", strings.TrimPrefix(device, "/dev/"), err)
	}
	return uint64(n) / sectorSize, nil
}
