package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

// Exit codes.
const (
	exitViolated = 1
	exitUnable   = 2
)

// errUnable is wrapped by what keeps the lab from trying anything.
var errUnable = errors.New("lab: unable")

// args are the program's.
type args struct {
	seed   uint64
	cuts   int
	points int
	drops  int
	run    string
	jobs   int
	daemon string
	guest  string
	cache  string
	dir    string
	keep   bool
	limit  time.Duration

	booted    string // architectures
	full      bool
	installed int
	debs      string
	previous  string
	mirror    string
	record    string
	figures   string
}

func parseArgs() args {
	var a args
	flag.Uint64Var(&a.seed, "seed", 0, "seed of when power goes; 0: another one each time")
	flag.IntVar(&a.cuts, "cuts", 12, "power cuts of a machine, for all file systems together")
	flag.IntVar(&a.drops, "drops", 4, "times that dm-flakey drops writes, and fails them, for each file system")
	flag.IntVar(&a.points, "points", 16, "places of a dm-log-writes log to go back to, for each file system")
	flag.StringVar(&a.run, "run", "", "only cases whose name this regular expression matches")
	flag.IntVar(&a.jobs, "jobs", min(2, runtime.NumCPU()), "machines at a time")
	flag.StringVar(&a.daemon, "bin", "bin/pairmqd", "the daemon, linked statically")
	flag.StringVar(&a.guest, "guest", "bin/labguest", "the machine's init, linked statically")
	flag.StringVar(&a.cache, "cache", "", "folder for the kernel; empty: pairmq-lab in the user's cache folder")
	flag.StringVar(&a.dir, "dir", "", "folder for images, logs and histories; empty: a temporary one")
	flag.BoolVar(&a.keep, "keep", false, "leave what is in that folder, also of cases that passed")
	flag.DurationVar(&a.limit, "timeout", 0, "give up after this time; 0: as the number of cuts, drops and points suggests")
	flag.StringVar(&a.booted, "debian", "", "architectures, separated by commas: a booted Debian of each with the package installed; the cases of the kernel alone are left out")
	flag.BoolVar(&a.full, "full", false, "with -debian: all cases, not only those that fit into a gate")
	flag.IntVar(&a.installed, "installed-cuts", 10, "with -debian: power cuts in a row")
	flag.StringVar(&a.debs, "debs", "dist/lab", "with -debian: folder of the packages, pairmq_*_ARCH.deb")
	flag.StringVar(&a.previous, "previous", "dist/lab/previous", "with -debian: folder of the packages to upgrade from")
	flag.StringVar(&a.mirror, "mirror", "", "with -debian: archive to make Debian from; empty: the one that this machine's packages come from")
	flag.StringVar(&a.record, "record", "", "with -debian: write what came out into the tables of this page")
	flag.StringVar(&a.figures, "figures", "", "with -debian: file for what was measured and has a budget")
	flag.Parse()
	if a.seed == 0 {
		a.seed = uint64(time.Now().UnixNano()) % 1e9
	}
	if a.limit == 0 && a.booted != "" {
		a.limit = 3 * time.Hour
	} else if a.limit == 0 {
		a.limit = 10*time.Minute + time.Duration(a.cuts)*30*time.Second + time.Duration(a.drops+a.points)*10*time.Second
	}
	return a
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	failed, err := runLab(ctx, parseArgs())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUnable)
	}
	if failed > 0 {
		os.Exit(exitViolated)
	}
}

// runLab prepares the lab, runs all cases, and returns how many failed.
func runLab(ctx context.Context, a args) (failed int, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.limit)
	defer cancel()
	chosen, err := regexp.Compile(a.run)
	if err != nil {
		return 0, fmt.Errorf("%w: -run: %w", errUnable, err)
	}
	l := &lab{args: a}
	if err := l.prepare(ctx); err != nil {
		return 0, err
	}
	fmt.Printf("lab: seed %d, %s\n", a.seed, l.subject())
	all := l.cases()
	if a.booted != "" {
		all = l.systemCases()
	}
	passed, failed := l.runCases(ctx, os.Stdout, all, chosen)
	if a.record != "" {
		if err := recordResults(a.record, all, time.Now().UTC()); err != nil {
			return failed, err
		}
	}
	if a.figures != "" {
		if err := writeFigures(a.figures, all); err != nil {
			return failed, err
		}
	}
	if failed == 0 && !a.keep {
		if err := os.RemoveAll(l.dir); err != nil {
			return 0, err
		}
	}
	fmt.Printf("lab: %d passed, %d failed\n", passed, failed)
	return failed, nil
}
