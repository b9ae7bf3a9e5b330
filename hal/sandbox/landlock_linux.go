package sandbox

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Versions of landlock, which the kernel counts. The first, of 5.13, refuses to move a
// file from one folder to another, which the store does: that is not used.
const (
	abiLeast    = 2 // 5.19
	abiTruncate = 3 // 6.2
	abiPorts    = 4 // 6.7
	abiIoctl    = 5 // 6.10
)

// What may be done with files.
const (
	reads = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fills = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

	changes = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_REFER |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR

	// ofFiles is what a rule of a path that is no folder may have.
	ofFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | fills
)

// A ruleset is struct landlock_ruleset_attr, as far as it is used.
type ruleset struct {
	Access_fs  uint64
	Access_net uint64
}

// A port is struct landlock_net_port_attr.
type port struct {
	Allowed_access uint64
	Port           uint64
}

const rulePort = 2 // LANDLOCK_RULE_NET_PORT

// handled is what this version of landlock forbids where no rule allows it: all that it
// knows of files, running them among it, and listening. Connecting is free: name servers
// and brokers may be anywhere.
func handled(abi int) ruleset {
	r := ruleset{Access_fs: unix.LANDLOCK_ACCESS_FS_REFER<<1 - 1}
	if abi >= abiTruncate {
		r.Access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= abiPorts {
		r.Access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP
	}
	if abi >= abiIoctl {
		r.Access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	return r
}

// version is that of the kernel's landlock.
func version() (int, error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return usable(int(v), errno)
}

// usable is a version that will do, of what the kernel said.
func usable(v int, errno unix.Errno) (int, error) {
	switch errno {
	case 0:
	case unix.ENOSYS:
		return 0, fmt.Errorf("%w: the kernel was built without it, or is older than 5.13", ErrNone)
	case unix.EOPNOTSUPP:
		return 0, fmt.Errorf("%w: the kernel has it, and it is not switched on (lsm= of its command line)", ErrNone)
	case unix.EPERM:
		return 0, fmt.Errorf("%w: a filter of system calls forbids it (SystemCallFilter= of the unit, or a container's)", ErrNone)
	default:
		return 0, fmt.Errorf("sandbox: ask for landlock: %w", errno)
	}
	if v < abiLeast {
		return 0, fmt.Errorf("%w: the kernel has version %d, this needs %d (Linux 5.19)", ErrNone, v, abiLeast)
	}
	return v, nil
}

func createRuleset(r ruleset) (int, error) {
	size := unsafe.Sizeof(r)
	if r.Access_net == 0 {
		size = unsafe.Sizeof(r.Access_fs)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&r)), size, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// addPath adds a rule for what is at a path now. It fails with os.ErrNotExist if there is nothing.
func addPath(set int, g grant) error {
	fd, err := unix.Open(g.path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: g.path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: g.path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		g.right &= ofFiles
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: g.right, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func addPort(set, number int) error {
	attr := port{Allowed_access: unix.LANDLOCK_ACCESS_NET_BIND_TCP, Port: uint64(number)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), rulePort, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// restrict has the rules hold for every thread. Go can do that in programs without cgo alone:
// a thread of C's would not be among them.
func restrict(set int) error {
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno == syscall.ENOTSUP {
		return fmt.Errorf("%w: this program was built with cgo", ErrNone)
	} else if errno != 0 {
		return fmt.Errorf("sandbox: give up new privileges: %w", errno)
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(set), 0, 0); errno != 0 {
		return fmt.Errorf("sandbox: %w", errno)
	}
	return nil
}
