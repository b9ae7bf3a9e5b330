package board

import (
	"cmp"
	"strconv"
	"strings"
)

// A Kernel is a version of Linux.
type Kernel struct{ Major, Minor, Patch int }

// Before says whether k is older than the version with these numbers.
func (k Kernel) Before(major, minor, patch int) bool {
	return cmp.Or(cmp.Compare(k.Major, major), cmp.Compare(k.Minor, minor), cmp.Compare(k.Patch, patch)) < 0
}

// Kernel returns the version that runs, of /proc/sys/kernel/osrelease or uname(2).
func (b *Board) Kernel() (Kernel, error) {
	name := b.proc("sys", "kernel", "osrelease")
	text, err := read(name)
	if err != nil {
		if text, err = orCall(err, b.opts.Calls.Release); err != nil {
			return Kernel{}, err
		}
		name = "uname"
	}
	return parseKernel(name, text)
}

// parseKernel reads "6.1.21-v8+" and "5.10.0-rc3".
func parseKernel(name, text string) (Kernel, error) {
	var n [3]int
	rest := text
	for i := range n {
		digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if digits < 0 {
			digits = len(rest)
		}
		v, err := strconv.Atoi(rest[:digits])
		if err != nil && i < 2 {
			return Kernel{}, nonsense(name, text)
		}
		n[i], rest = v, strings.TrimPrefix(rest[digits:], ".")
	}
	return Kernel{n[0], n[1], n[2]}, nil
}
