package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
)

// checkFiles checks every file of the budget below dir.
func checkFiles(w io.Writer, limits map[string]int64, dir string) error {
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
