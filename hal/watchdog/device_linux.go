package watchdog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sysfs is where the kernel shows its watchdogs.
const sysfs = "/sys"

// Open opens the device at path, such as /dev/watchdog0, which starts its timer, and has it
// run for timeout, or less where the hardware cannot. It fails with ErrBusy if another program has it.
func Open(path string, timeout time.Duration) (*Device, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("%w: %s", ErrBusy, path)
	}
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	return arm(&node{f, entry(sysfs, path)}, timeout)
}

// Ticks says whether the timer of the device at path runs already: a program that had it
// open has ended without stopping it, or the boot loader has begun it.
func Ticks(path string) bool { return says(entry(sysfs, path), "state", "active") }

// A node is an open device node.
type node struct {
	*os.File
	entry string // in sysfs; need not be there
}

func (n *node) setTimeout(seconds int) (int, error) {
	if err := unix.IoctlSetPointerInt(int(n.Fd()), unix.WDIOC_SETTIMEOUT, seconds); err != nil {
		return 0, err
	}
	return n.timeout()
}

func (n *node) timeout() (int, error) { return unix.IoctlGetInt(int(n.Fd()), unix.WDIOC_GETTIMEOUT) }

func (n *node) noWayOut() bool { return says(n.entry, "nowayout", "1") }

// entry is where below sys the kernel shows the device at path: /dev/watchdog is the
// first one by its old name.
func entry(sys, path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	name := filepath.Base(path)
	if name == "watchdog" {
		name = "watchdog0"
	}
	return filepath.Join(sys, "class", "watchdog", name)
}

// says says whether a file of an entry has this text; false where the kernel shows none.
func says(entry, file, text string) bool {
	b, err := os.ReadFile(filepath.Join(entry, file))
	return err == nil && strings.TrimSpace(string(b)) == text
}
