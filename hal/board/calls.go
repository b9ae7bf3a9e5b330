package board

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Calls are what the kernel tells without a file. A sandbox hides most of /proc
// (systemd's ProcSubset=pid), where the machine's memory and the kernel's version
// are as well.
type Calls struct {
	Memory  func() (int64, error)  // of the machine, in bytes
	Release func() (string, error) // of the kernel, as in /proc/sys/kernel/osrelease
}

// ownCalls asks the kernel that runs.
func ownCalls() Calls {
	return Calls{
		Memory: func() (int64, error) {
			var info unix.Sysinfo_t
			if err := unix.Sysinfo(&info); err != nil {
				return 0, fmt.Errorf("board: sysinfo: %w", err)
			}
			return int64(info.Totalram) * int64(max(info.Unit, 1)), nil
		},
		Release: func() (string, error) {
			var name unix.Utsname
			if err := unix.Uname(&name); err != nil {
				return "", fmt.Errorf("board: uname: %w", err)
			}
			return unix.ByteSliceToString(name.Release[:]), nil
		},
	}
}

// orCall is what call returns where there is no file, as err says, and a call in place of it.
func orCall[T any](err error, call func() (T, error)) (v T, _ error) {
	if !errors.Is(err, fs.ErrNotExist) || call == nil {
		return v, err
	}
	return call()
}
