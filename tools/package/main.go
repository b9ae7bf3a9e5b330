package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// args are the program's; folders are those of the file system, absolute or
// relative to where it was started.
type args struct {
	root    string // of the repository
	bin     string // has linux-ARCH/pairmqd and linux-ARCH/pairmq
	out     string // packages go there; older ones are removed
	command string // a pairmq that runs here, for the completions
	version string // as git describe prints it
	commits int    // before this one, for a version that no tag names
	date    int64  // of the commit, in seconds since 1970
	only    string // targets, separated by spaces; empty: all
	formats string // deb, rpm, tar.gz, separated by spaces; empty: all
}

func main() {
	var a args
	flag.StringVar(&a.root, "root", ".", "the repository")
	flag.StringVar(&a.bin, "bin", "dist", "folder of the programs, linux-ARCH/pairmqd and linux-ARCH/pairmq")
	flag.StringVar(&a.out, "o", "dist", "folder for the packages; older ones there are removed")
	flag.StringVar(&a.command, "pairmq", "bin/pairmq", "a pairmq that runs here")
	flag.StringVar(&a.version, "version", "", "what git describe --tags --always --dirty prints")
	flag.IntVar(&a.commits, "commits", 0, "what git rev-list --count HEAD prints")
	flag.Int64Var(&a.date, "date", 0, "seconds since 1970 that the packages are of")
	flag.StringVar(&a.only, "only", "", "targets such as linux-amd64, separated by spaces; empty: all")
	flag.StringVar(&a.formats, "formats", "", "deb, rpm, tar.gz, separated by spaces; empty: all")
	flag.Parse()
	if err := run(a); err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

// run makes every package of every target.
func run(a args) error {
	version, err := packageVersion(a.version, a.commits)
	if err != nil {
		return err
	}
	for _, dir := range []*string{&a.root, &a.bin, &a.out, &a.command} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return err
		}
	}
	if err := removeOld(a.out); err != nil {
		return err
	}
	stage, err := os.MkdirTemp("", "pairmq-package-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	b := builder{args: a, recipes: filepath.Join(a.root, "packaging"), version: version, date: time.Unix(a.date, 0).UTC()}
	wanted := slices.DeleteFunc(targets(), func(t target) bool {
		return a.only != "" && !slices.Contains(strings.Fields(a.only), t.dir)
	})
	return atOnce(runtime.NumCPU(), wanted, func(t target) error {
		if err := b.build(t, filepath.Join(stage, t.dir)); err != nil {
			return fmt.Errorf("%s: %w", t.dir, err)
		}
		return nil
	})
}

// atOnce does something for each target, for no more than limit at a time: compression
// takes one core for each, and 200 MiB.
func atOnce(limit int, all []target, do func(target) error) error {
	var group sync.WaitGroup
	errs, turn := make([]error, len(all)), make(chan struct{}, limit)
	for i, t := range all {
		turn <- struct{}{}
		group.Go(func() {
			defer func() { <-turn }()
			errs[i] = do(t)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// wants says whether packages of a format were asked for.
func (a args) wants(format string) bool {
	return a.formats == "" || slices.Contains(strings.Fields(a.formats), format)
}

// removeOld removes the packages that an earlier run has made.
func removeOld(dir string) error {
	for _, kind := range []string{"pairmq_*.deb", "pairmq-*.rpm", "pairmq_*.ipk", "pairmq-*.tar.gz"} {
		old, err := filepath.Glob(filepath.Join(dir, kind))
		if err != nil {
			return err
		}
		for _, f := range old {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	return os.MkdirAll(dir, 0o755)
}
