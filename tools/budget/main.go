// Command budget holds the binaries to their size budgets and the packages to
// the house that docs/architecture.md draws (that part is its test).
//
// The budgets are in budgets.json beside this file: bytes per binary and
// architecture, stripped, and per package, whose names have a * for the version.
// `budget BUDGETS.json DIR` checks DIR/<goos>-<goarch>/<binary> and DIR/<package> and
// prints a table; it ends with 1 if one is too large.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: budget BUDGETS.json DIR")
		os.Exit(2)
	}
	if err := run(os.Stdout, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "budget:", err)
		os.Exit(1)
	}
}

// run checks every file of the budget below dir.
func run(w io.Writer, budgets, dir string) error {
	b, err := os.ReadFile(budgets)
	if err != nil {
		return err
	}
	var limits map[string]int64 // "linux-amd64/pairmqd" → bytes
	if err := json.Unmarshal(b, &limits); err != nil {
		return fmt.Errorf("%s: %w", budgets, err)
	}
	var errs []error
	names := make([]string, 0, len(limits))
	for name := range limits {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		size, err := largest(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(w, "%-26s %10d bytes of %10d\n", name, size, limits[name])
		if size > limits[name] {
			errs = append(errs, fmt.Errorf("%s has %d bytes, %d over its budget", name, size, size-limits[name]))
		}
	}
	return errors.Join(errs...)
}

// largest is the size in bytes of the largest file that a pattern names.
func largest(pattern string) (size int64, err error) {
	files, err := filepath.Glob(pattern)
	if err == nil && len(files) == 0 {
		err = os.ErrNotExist
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", pattern, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return 0, err
		}
		size = max(size, info.Size())
	}
	return size, nil
}
