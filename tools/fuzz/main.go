package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// Places in the repository.
const (
	corporaFile = "tools/fuzz/corpora.tgz"
	pageFile    = "docs/fuzzing.md"
)

// args are what a person asked for.
type args struct {
	each  time.Duration
	jobs  int
	run   *regexp.Regexp
	dir   string
	write bool
}

func parse(list []string, stderr io.Writer) (a args, err error) {
	f := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.DurationVar(&a.each, "time", 20*time.Second, "for how long each target runs")
	f.IntVar(&a.jobs, "jobs", 1, "how many targets run at once, each with one worker; one target alone has a worker for each processor")
	run := f.String("run", "", "only targets whose package and name, as in store/record FuzzDecode, fit this regular expression")
	f.StringVar(&a.dir, "dir", "", "folder for what is built and for the corpora; empty makes one below TMPDIR and removes it")
	f.BoolVar(&a.write, "write", os.Getenv("PAIRMQ_WRITE") != "", "keep the corpora and write "+pageFile+"; PAIRMQ_WRITE=1 is the same")
	if err := f.Parse(list); err != nil {
		return a, err
	}
	if a.each <= 0 || a.jobs < 1 {
		return a, errors.New("-time and -jobs want to be more than 0")
	}
	a.run, err = regexp.Compile(*run)
	return a, err
}

func main() {
	a, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = fuzz(ctx, a)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// fuzz does what a says, in the repository that is the working directory.
func fuzz(ctx context.Context, a args) error {
	if a.dir == "" {
		dir, err := os.MkdirTemp("", "fuzz")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		a.dir = dir
	}
	dir, err := filepath.Abs(a.dir)
	if err != nil {
		return err
	}
	targets, err := list(".", a.run)
	if err != nil {
		return err
	}
	all := corpora{filepath.Join(dir, "corpora")}
	if err := all.unpack(corporaFile); err != nil {
		return err
	}
	results, err := runAll(ctx, runner{a, dir, all}, targets)
	if err != nil {
		return err
	}
	fmt.Printf("fuzz: %d targets, %v each\n", len(results), a.each)
	if !a.write {
		return nil
	}
	if err := all.pack(corporaFile); err != nil {
		return err
	}
	return writePage(ctx, pageFile, a, results)
}
