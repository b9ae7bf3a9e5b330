package main

import (
	"fmt"
	"strings"
)

// An arch is one that Debian is booted on.
type arch struct {
	name    string   // as Debian calls it
	kernel  string   // package that depends on the newest one
	qemu    string   // and the package that has it
	pkg     string   // of qemu
	machine []string // its arguments
	smp     string   // processors, as qemu is told
	bus     string   // of virtio devices
	console string
	user    string // as qemu's user emulation calls it; empty: programs run here as they are
	bare    bool   // qemu starts an unpacked kernel: see unpackImage
	boot    []string
}

// oneOfTwo is one processor where a second could be plugged in. Before 8.1 qemu may keep
// what it translated of an instruction that another processor was just changing, and Linux
// changes its own while it runs (static keys): on x86 it then meets for ever a breakpoint that is
// gone, with its interrupts off, and a machine of two stands still without a word, once in some hundred boots.
// Without the place for a second, qemu 7.2 would leave the barriers out that virtio's queues need.
const oneOfTwo = "1,maxcpus=2"

// arches are all. The processors are those of small gateways: an emulated one of
// the newest kind would hide what old ones lack.
func arches() []arch {
	return []arch{
		{name: "amd64", kernel: "linux-image-amd64", qemu: "qemu-system-x86_64", pkg: "qemu-system-x86", machine: []string{"-machine", "pc", "-cpu", "max"},
			smp: oneOfTwo, bus: "pci", console: "ttyS0", bare: true, boot: []string{"virtio_pci"}},
		{name: "arm64", kernel: "linux-image-arm64", qemu: "qemu-system-aarch64", pkg: "qemu-system-arm", machine: []string{"-machine", "virt", "-cpu", "cortex-a53"},
			smp: "2", bus: "device", console: "ttyAMA0", user: "aarch64", boot: []string{"virtio_mmio"}},
		{name: "armhf", kernel: "linux-image-armmp", qemu: "qemu-system-arm", pkg: "qemu-system-arm", machine: []string{"-machine", "virt", "-cpu", "cortex-a7"},
			smp: "2", bus: "device", console: "ttyAMA0", user: "arm", boot: []string{"virtio_mmio"}},
	}
}

// findArches returns those that are named, separated by commas.
func findArches(names string) (found []arch, err error) {
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' }) {
		before := len(found)
		for _, a := range arches() {
			if a.name == name {
				found = append(found, a)
			}
		}
		if len(found) == before {
			return nil, fmt.Errorf("%w: there is no architecture %q: amd64, arm64, armhf", errUnable, name)
		}
	}
	return found, nil
}

// tools are the programs that this one needs besides those of every case, and Debian's packages of them.
func (a arch) tools() map[string]string {
	need := map[string]string{a.qemu: a.pkg, "mmdebstrap": "mmdebstrap", "dpkg-deb": "dpkg", "tar": "tar", "debugfs": "e2fsprogs"}
	if a.user != "" {
		need["qemu-"+a.user+"-static"] = "qemu-user-static"
	}
	return need
}

// modules are the kernel's that a Debian needs in order to mount its disks and to talk to the host.
func (a arch) modules() []string {
	return append(a.boot, "autofs4", "virtio_blk", "crc32c_generic", "ext4", "crc32_generic", "f2fs", "overlay", "virtio_net", "virtio_console", "virtio_rng")
}
