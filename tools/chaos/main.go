package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"pairmq/tools/chaos/check"
)

// Exit codes.
const (
	exitViolated = 1
	exitUnable   = 2
)

// errUnable is wrapped by what keeps a run from beginning or from being judged.
var errUnable = errors.New("chaos: unable")

// args are the program's.
type args struct {
	seed     uint64
	duration time.Duration
	mode     string
	bin      string
	dir      string
	keep     bool
	verbose  bool
	links    bool
}

func parseArgs() args {
	var a args
	flag.Uint64Var(&a.seed, "seed", 0, "seed of what is done to the pair; 0: another one each time")
	flag.DurationVar(&a.duration, "duration", 3*time.Minute, "time for all modes together")
	flag.StringVar(&a.mode, "mode", "", "one mode only, such as SYNC_FLUSH/SYNC_MASTER")
	flag.StringVar(&a.bin, "bin", "bin/pairmqd", "the daemon")
	flag.StringVar(&a.dir, "dir", "", "folder for stores, logs and histories; empty: a temporary one")
	flag.BoolVar(&a.keep, "keep", false, "leave that folder, also if nothing was wrong")
	flag.BoolVar(&a.verbose, "v", false, "print what is done as it is done")
	flag.BoolVar(&a.links, "links", false, "instead: how soon clients find a broker whose link was down, or whose address has changed")
	flag.Parse()
	if a.seed == 0 {
		a.seed = uint64(time.Now().UnixNano()) % 1e9
	}
	return a
}

func main() {
	if err := enter(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUnable)
	}
	failed, err := runIn(parseArgs())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUnable)
	}
	if failed > 0 {
		os.Exit(exitViolated)
	}
}

// inside is set for the program once it is in its own network namespace.
const inside = "PAIRMQ_CHAOS_INSIDE"

// enter has the program run in a new network namespace. It returns in there only.
func enter() error {
	if os.Getenv(inside) != "" {
		return nil
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: namespaces need root", errUnable)
	}
	for tool, pkg := range map[string]string{"ip": "iproute2", "nft": "nftables", "unshare": "util-linux", "nsenter": "util-linux"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: %s is missing: apt-get install %s", errUnable, tool, pkg)
		}
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	err = syscall.Exec(unshare, append([]string{"unshare", "--net", self}, os.Args[1:]...), append(os.Environ(), inside+"=1"))
	return fmt.Errorf("%w: %w", errUnable, err)
}

// runIn makes the folder and runs what the arguments ask for in it. It returns how
// much of that was not as it should be.
func runIn(a args) (failed int, err error) {
	if a.bin, err = filepath.Abs(a.bin); err != nil {
		return 0, err
	}
	if _, err := os.Stat(a.bin); err != nil {
		return 0, fmt.Errorf("%w: %w; make build makes it", errUnable, err)
	}
	if a.dir == "" {
		a.dir, err = os.MkdirTemp("", "chaos-")
	} else {
		err = os.MkdirAll(a.dir, 0o755)
	}
	if err != nil {
		return 0, err
	}
	do := runModes
	if a.links {
		do = runLinks
	}
	failed, err = do(a)
	if err != nil || failed > 0 {
		fmt.Printf("  logs, stores and histories are in %s\n", a.dir)
		return failed, err
	}
	if !a.keep {
		err = os.RemoveAll(a.dir)
	}
	return failed, err
}

// runModes runs the modes one after the other.
func runModes(a args) (failed int, err error) {
	modes, err := modesOf(a.mode)
	if err != nil {
		return 0, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := newLAN()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errUnable, err)
	}
	defer l.close()
	share := a.duration / time.Duration(len(modes))
	fmt.Printf("chaos: seed %d, %v for each of %d modes\n", a.seed, share, len(modes))
	for i, m := range modes {
		r := &run{args: a, mode: m, lan: l, seed: a.seed + uint64(i), dir: filepath.Join(a.dir, fmt.Sprint(i+1))}
		verdict, err := r.judge(ctx, share)
		if err != nil {
			return failed, fmt.Errorf("%s: %w", m, err)
		}
		fmt.Println(verdict)
		if len(verdict.violations) > 0 {
			failed++
			fmt.Printf("  again: chaos -seed %d -duration %v -mode %s\n", r.seed, share, m)
		}
	}
	fmt.Printf("chaos: %d passed, %d failed\n", len(modes)-failed, failed)
	return failed, nil
}

// modesOf returns the mode of that name, or all.
func modesOf(name string) ([]check.Mode, error) {
	var all []check.Mode
	for _, m := range []check.Mode{{}, {SyncFlush: true}, {SyncMaster: true}, {SyncFlush: true, SyncMaster: true}} {
		if name == "" || name == m.String() {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: there is no mode %q; one is SYNC_FLUSH/SYNC_MASTER", errUnable, name)
	}
	return all, nil
}
