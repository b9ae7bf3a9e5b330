// Command budget holds the programs to their budgets: the sizes of binaries and
// packages, the modules that are linked, and what a running daemon needs. The packages are
// held to the house that docs/architecture.md draws by its tests, and so is the list of modules.
//
// The budgets are in budgets.json beside this file. "files" has bytes per binary and
// architecture, stripped, and per package, whose names have a * for the version;
// "figures" has what is measured of a daemon, on every architecture, see measure.go.
//
//	budget BUDGETS.json DIR                 checks DIR/<goos>-<goarch>/<binary> and DIR/<package>
//	budget -measure amd64=BIN BUDGETS.json  starts BIN, measures it and checks; more than one
//	                                        with commas. What it prints can be checked again
//	budget -figures FILE BUDGETS.json       checks lines that were printed elsewhere, as by a
//	                                        machine that was booted: "figure: arm64 idle-rss-kib 12345"
//
// It prints a table and ends with 1 if a budget is broken.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	measure := flag.String("measure", "", "daemons to start and measure: ARCH=BIN[,ARCH=BIN]")
	figures := flag.String("figures", "", "file with lines of figures that were measured elsewhere")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: budget [-measure ARCH=BIN[,ARCH=BIN] | -figures FILE] BUDGETS.json [DIR]")
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *measure, *figures, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "budget:", err)
		os.Exit(1)
	}
}

// budgets are the limits of budgets.json.
type budgets struct {
	Files   map[string]int64 `json:"files"`   // "linux-amd64/pairmqd" → bytes
	Figures map[string]int64 `json:"figures"` // "idle-rss-kib" → KiB
}

// run does what the arguments ask for.
func run(ctx context.Context, w io.Writer, measure, figures string, args []string) error {
	dir := measure == "" && figures == ""
	if len(args) == 0 || dir && len(args) != 2 || !dir && len(args) != 1 {
		flag.Usage()
		return fmt.Errorf("%d arguments", len(args))
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var limits budgets
	if err := json.Unmarshal(b, &limits); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	switch {
	case dir:
		return checkFiles(w, limits.Files, args[1])
	case figures != "":
		f, err := os.Open(figures)
		if err != nil {
			return err
		}
		defer f.Close()
		all, err := readFigures(f)
		if err != nil {
			return fmt.Errorf("%s: %w", figures, err)
		}
		return checkFigures(w, limits.Figures, all)
	}
	all, err := measureAll(ctx, measure)
	if err != nil {
		return err
	}
	return checkFigures(w, limits.Figures, all)
}
