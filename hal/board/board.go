// Package board knows the machine that the store lives on: what device and file
// system lie under a folder, and whether they keep what was synced; how worn the
// flash is; how much memory there is; whether the clock can be believed; how
// warm, how busy, how supplied the board is, and which one it is.
//
// It reads files of the kernel, below roots that a test can choose, and judges
// by pure functions. It decides nothing: what a finding leads to is the daemon's.
// Boards differ, so that every file may be absent: an error says which, and wraps
// fs.ErrNotExist; a file that says what it should not is ErrNonsense. LED alone
// writes.
package board

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNonsense: a file of the kernel's says something that its format does not have.
var ErrNonsense = errors.New("board: not understood")

// Options says where the kernel's files are.
type Options struct {
	Sys  string // sysfs; "" means /sys
	Proc string // procfs; "" means /proc
	Dev  string // device nodes; "" means /dev
	Etc  string // "" means /etc
	Run  string // "" means /run

	Calls Calls // in place of files that are hidden; the kernel's own where Proc is ""
}

// A Board reads what one machine tells of itself, anew with each call. It holds
// nothing open; its methods may be called from any goroutine.
type Board struct{ opts Options }

// New returns the board whose files are where o says. It reads nothing yet.
func New(o Options) *Board {
	if o.Proc == "" {
		o.Calls = ownCalls()
	}
	o.Sys, o.Proc, o.Dev = cmp.Or(o.Sys, "/sys"), cmp.Or(o.Proc, "/proc"), cmp.Or(o.Dev, "/dev")
	o.Etc, o.Run = cmp.Or(o.Etc, "/etc"), cmp.Or(o.Run, "/run")
	return &Board{opts: o}
}

func (b *Board) sys(name ...string) string {
	return filepath.Join(append([]string{b.opts.Sys}, name...)...)
}

func (b *Board) proc(name ...string) string {
	return filepath.Join(append([]string{b.opts.Proc}, name...)...)
}

// maxFile bounds in bytes what is read of one file: the longest is a table of mounts.
const maxFile = 1 << 20

// read returns what a file says, without the space around it.
func read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("board: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return "", fmt.Errorf("board: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// number returns the whole number that a file consists of.
func number(path string) (int64, error) {
	text, err := read(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, nonsense(path, text)
	}
	return n, nil
}

// word returns what a file says, or "" if it cannot be read: for what is only shown.
func word(path string) string {
	text, err := read(path)
	if err != nil {
		return ""
	}
	return text
}

// folders lists what below dir fits the pattern, in order; nothing if there is none.
func folders(dir, pattern string) []string {
	all, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return nil // no pattern of ours
	}
	return all
}

// nonsense says which file says what.
func nonsense(path, text string) error {
	const enough = 80
	if len(text) > enough {
		text = text[:enough]
	}
	return fmt.Errorf("%w: %s says %q", ErrNonsense, path, text)
}
