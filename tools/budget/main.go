// Command budget holds the binaries to their size budgets and the packages to
// the house that docs/architecture.md draws (that part is its test).
//
// The budgets are in budgets.json beside this file: bytes per binary and
// architecture, stripped. `budget DIR` checks DIR/<goos>-<goarch>/<binary> and
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

// run checks every binary of the budget file below dir.
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
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(w, "%-26s %10d bytes of %10d\n", name, info.Size(), limits[name])
		if info.Size() > limits[name] {
			errs = append(errs, fmt.Errorf("%s has %d bytes, %d over its budget", name, info.Size(), info.Size()-limits[name]))
		}
	}
	return errors.Join(errs...)
}
