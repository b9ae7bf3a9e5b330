package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A figure is what was measured of a daemon on one architecture.
type figure struct {
	arch, name string
	value      int64
}

// figureMark begins a line with a figure; what else a log has is passed over.
const figureMark = "figure: "

func (f figure) String() string {
	return fmt.Sprintf("%s%s %s %d", figureMark, f.arch, f.name, f.value)
}

// readFigures reads the lines that begin with figureMark.
func readFigures(r io.Reader) (all []figure, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		rest, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), figureMark)
		if !ok {
			continue
		}
		f := strings.Fields(rest)
		if len(f) < 3 { // what comes behind the value is a remark
			return nil, fmt.Errorf("line %d: %q has %d words, want an architecture, a name and a value", n, rest, len(f))
		}
		v, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("line %d: %q is no value of %s", n, f[2], f[1])
		}
		all = append(all, figure{f[0], f[1], v})
	}
	return all, lines.Err()
}

// checkFigures prints the figures with their budgets, and fails if one is broken, if
// there is no budget for one, or nothing was measured at all.
func checkFigures(w io.Writer, limits map[string]int64, all []figure) error {
	if len(all) == 0 {
		return errors.New("there is no figure")
	}
	var errs []error
	for _, f := range all {
		most, ok := limits[f.name]
		if !ok {
			errs = append(errs, fmt.Errorf("there is no budget called %s", f.name))
			continue
		}
		fmt.Fprintf(w, "%s of %d\n", f, most)
		if f.value > most {
			errs = append(errs, fmt.Errorf("%s of %s is %d, %d over its budget", f.name, f.arch, f.value, f.value-most))
		}
	}
	return errors.Join(errs...)
}
