package index

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// keptDamaged is how many damaged files are kept for whoever wants to know.
const keptDamaged = 2

// quarantine moves the damaged bbolt file away, numbered, and gives up the
// oldest of earlier ones.
func (x *Index) quarantine(cause error) error {
	o := &x.opts
	if err := o.FS.MkdirAll(o.Quarantine); err != nil {
		return fmt.Errorf("index: make %s: %w", o.Quarantine, err)
	}
	numbers, err := x.quarantined()
	if err != nil {
		return err
	}
	next := 1
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	to := x.quarantineName(next)
	x.log.Error("the index file is damaged; it is set aside and made anew from the log", "file", o.File, "quarantine", to, "err", cause)
	if err := o.FS.Rename(o.File, to); err != nil {
		return fmt.Errorf("index: set %s aside: %w", o.File, err)
	}
	for _, n := range numbers[:max(0, len(numbers)+1-keptDamaged)] {
		if err := o.FS.Remove(x.quarantineName(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("index: remove an old damaged file: %w", err)
		}
	}
	if err := errors.Join(o.FS.SyncDir(o.Quarantine), o.FS.SyncDir(".")); err != nil {
		return fmt.Errorf("index: set %s aside: %w", o.File, err)
	}
	return nil
}

func (x *Index) quarantineName(n int) string {
	return path.Join(x.opts.Quarantine, path.Base(x.opts.File)+"-"+fmt.Sprintf("%06d", n))
}

// quarantined returns the numbers of the files that were set aside, ascending.
func (x *Index) quarantined() ([]int, error) {
	entries, err := x.opts.FS.ReadDir(x.opts.Quarantine)
	if err != nil {
		return nil, fmt.Errorf("index: list %s: %w", x.opts.Quarantine, err)
	}
	var numbers []int
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name, path.Base(x.opts.File)+"-")
		if n, err := strconv.Atoi(digits); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}
