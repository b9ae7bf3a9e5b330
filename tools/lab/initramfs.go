package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// Modes of cpio members.
const (
	modeDir  = 0o040755
	modeFile = 0o100755
)

// An archive is a cpio archive of the kind "newc", which the kernel unpacks as
// its first root file system. It is not compressed: an emulated processor
// unpacks slower than memory is copied.
type archive struct {
	b     bytes.Buffer
	inode int
}

// add adds one member.
func (a *archive) add(name string, mode int, data []byte) {
	a.inode++
	// magic, then 13 numbers of 8 hexadecimal digits: inode, mode, uid, gid, links,
	// mtime, size, device and rdevice (major, minor), length of the name, checksum
	fmt.Fprintf(&a.b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	a.b.WriteString(name)
	a.b.WriteByte(0)
	a.pad()
	a.b.Write(data)
	a.pad()
}

// pad fills up to a multiple of four bytes.
func (a *archive) pad() {
	for a.b.Len()%4 != 0 {
		a.b.WriteByte(0)
	}
}

// bytes ends the archive.
func (a *archive) bytes() []byte {
	a.add("TRAILER!!!", 0, nil)
	return a.b.Bytes()
}

// writeInitramfs puts the machine's whole software into a file: init, the
// daemon, the modules and the order in which they are loaded.
func writeInitramfs(file, guest, daemon string, k kernel) error {
	var a archive
	for _, dir := range []string{"dev", "proc", "sys", "modules", "state"} {
		a.add(dir, modeDir, nil)
	}
	added := map[string]bool{}
	for _, g := range k.modules {
		var order string
		for _, m := range g.files {
			name := filepath.Base(m)
			order += name + "\n"
			if added[name] {
				continue
			}
			added[name] = true
			b, err := os.ReadFile(m)
			if err != nil {
				return err
			}
			a.add("modules/"+name, modeFile, b)
		}
		a.add("modules/"+g.name, modeFile, []byte(order))
	}
	for name, from := range map[string]string{"init": guest, "pairmqd": daemon} {
		b, err := os.ReadFile(from)
		if err != nil {
			return fmt.Errorf("%w: %w; make lab builds it", errUnable, err)
		}
		a.add(name, modeFile, b)
	}
	return os.WriteFile(file, a.bytes(), 0o644)
}
