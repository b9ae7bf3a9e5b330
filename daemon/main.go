// Command pairmqd is the daemon: a RocketMQ-compatible broker, with a name
// server in the same process where wanted.
//
// Everything is built, wired and drained here, from the configuration of
// package config; what the parts do is in their packages. This package alone
// names concrete types.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"pairmq/daemon/config"
	"pairmq/daemon/flight"
	"pairmq/discovery"
	"pairmq/hal/board"
	"pairmq/hal/disk"
	"pairmq/hal/sandbox"
)

// version is set by the linker.
var version = "unknown"

const usage = `usage: pairmqd [-c FILE] [--key=value ...]

  -c FILE          read FILE and conf.d/*.conf beside it
  --key=value      any key of the configuration; wins over the files
  --check-config   report every mistake and end: 0 if there is none, else 2
  --print-keys     every key with its default, as a table
  --print-config   every key with its default, as a file to begin with
  --version        the version
  --help           this text

SIGTERM and SIGINT drain and stop; SIGHUP reads the configuration again.

Exit codes:
  0  stopped as told
  1  failed; the next start may work: a port that is taken, a full disk, a folder
     that another process has locked, certificates that do not fit together, a disk
     failure
  2  the command line or the configuration is wrong
  3  the machine is not as it must be: the store belongs to another user, its file
     system is read-only or keeps no promise; a person has to mend that
The last line of the log says which, and what to do.
`

func main() {
	crashBySignal()
	os.Exit(start(os.Args[1:], sandbox.Rules.Enforce, os.Stdout, os.Stderr))
}

// crashBySignal has a signal end a daemon that crashes, or that SIGABRT has write its
// stacks. Go ends it with 2 else, and it would not be started again.
func crashBySignal() { debug.SetTraceback("crash") }

// start runs the daemon with these arguments, confined by enforce, and returns its exit code.
func start(args []string, enforce confiner, stdout, stderr io.Writer) int {
	f, err := parseFlags(args)
	if err != nil {
		fmt.Fprintf(stderr, "pairmqd: %v\n%s", err, usage)
		return exitUsage
	}
	switch {
	case f.help:
		fmt.Fprint(stdout, usage)
		return exitOK
	case f.version:
		fmt.Fprintln(stdout, "pairmqd", version)
		return exitOK
	case f.keys:
		fmt.Fprint(stdout, config.Markdown())
		return exitOK
	case f.sample:
		fmt.Fprint(stdout, config.Sample())
		return exitOK
	}
	cfg, notes, err := config.Load(f.file, f.settings)
	if err != nil {
		fmt.Fprintf(stderr, "pairmqd: %s\n", strings.ReplaceAll(err.Error(), "\n", "\npairmqd: "))
		return exitUsage
	}
	if _, err := discovery.ParseList(cfg.NamesrvAddr); err != nil && cfg.EnableBroker {
		fmt.Fprintf(stderr, "pairmqd: configuration: namesrvAddr: %v\n", err)
		return exitUsage
	}
	if _, err := machineOptions(&cfg, nil, slog.New(slog.DiscardHandler)); err != nil {
		fmt.Fprintf(stderr, "pairmqd: configuration: %v\n", err)
		return exitUsage
	}
	if f.check {
		if _, err := newSecurity(&cfg, nil, slog.New(slog.DiscardHandler)); err != nil {
			fmt.Fprintf(stderr, "pairmqd: configuration: %v\n", err)
			return exitUsage
		}
		for _, n := range notes {
			fmt.Fprintln(stdout, n)
		}
		fmt.Fprintln(stdout, "the configuration is good")
		return exitOK
	}
	return serve(f, &cfg, notes, board.New(board.Options{}), enforce, stderr)
}

// serve runs the daemon on the machine hw, confined by enforce, until it is told to stop.
func serve(f flags, cfg *config.Config, notes []string, hw *board.Board, enforce confiner, stderr io.Writer) int {
	log, level := newLogger(stderr, cfg)
	rec := flight.New()
	log = rec.Logger(log.Handler())
	last := rec.Logger(lastLines(stderr, cfg, level).Handler())
	keepRecent(rec, os.Getenv("RUNTIME_DIRECTORY"), log)
	log.Info("pairmqd begins", "version", version, "pid", os.Getpid())
	limitMemory(cfg, hw, os.Getenv("GOMEMLIMIT"), log)
	if err := errors.Join(checkMounted(cfg), checkPlace(cfg, hw, log)); err != nil {
		return ended(err, cfg, last)
	}
	for _, n := range notes {
		log.Warn("key without effect", "note", n)
	}
	if err := finishReset(cfg, log); err != nil {
		return ended(startError{err}, cfg, log)
	}
	holds, err := confine(cfg, f.file, enforce, log)
	if err != nil {
		return ended(startError{err}, cfg, last)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	again := make(chan config.Config)
	go reload(ctx, hup, f, cfg, level, again, log)
	if err := runOn(ctx, *cfg, hw, holds, disk.OS, again, log); err != nil && !errors.Is(err, context.Canceled) {
		return ended(err, cfg, last)
	}
	last.Info("stopped")
	return exitOK
}

// flags is the command line.
type flags struct {
	file                               string
	settings                           []string // key=value
	help, version, keys, sample, check bool
}

func parseFlags(args []string) (f flags, err error) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "-h" || a == "--help":
			f.help = true
		case a == "--version":
			f.version = true
		case a == "--print-keys":
			f.keys = true
		case a == "--print-config":
			f.sample = true
		case a == "--check-config":
			f.check = true
		case a == "-c":
			if i++; i == len(args) {
				return f, errors.New("-c needs a file")
			}
			f.file = args[i]
		case strings.HasPrefix(a, "--"):
			f.settings = append(f.settings, a[2:])
		default:
			return f, fmt.Errorf("unknown argument %q", a)
		}
	}
	return f, nil
}
