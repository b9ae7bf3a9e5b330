// Command bench measures pairmqd beside Apache RocketMQ on one machine.
//
// It starts each broker in turn, alone, on the same disk, with the same queues
// and the same load from package loadgen in its own process, in several rounds
// whose order changes, and writes the medians into docs/benchmarks.md and
// everything it saw into a JSON file. What may be measured, what a cell's name
// means and how the brokers are configured is in the files of this package;
// what it means is in docs/benchmarks.md.
//
// With -wear it measures something else: what a store writes to its block device
// for each byte of records, on a file system of its own, and fails if pairmqd
// writes more than its budget. That needs root, and is a gate.
//
// It needs Linux, a built pairmqd, and for the Apache brokers a JDK and Maven,
// which fetches their jars once. It starts processes on loopback only, and
// ends those it started.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run returns the exit code: 0 when all that was asked for was measured, 1
// when something failed, 2 for bad flags.
func run(ctx context.Context, args []string) int {
	cfg, err := parse(args, os.Getenv, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 2
	}
	do := bench
	if cfg.wear {
		do = wearOut
	}
	if err := do(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// bench measures what cfg asks for and writes it down, also if only a part of
// it could be measured.
func bench(ctx context.Context, cfg config) error {
	rep, err := loadReport(cfg)
	if err != nil {
		return err
	}
	if !cfg.render {
		targets, err := makeTargets(ctx, cfg)
		if err != nil {
			return err
		}
		rep.measuredWith(cfg, describeMachine(ctx, cfg.dir), targets)
		failed := newRunner(cfg, targets, rep, os.Stderr).rounds(ctx)
		if err := errors.Join(failed, rep.write(cfg.out)); err != nil {
			return errors.Join(err, writeMarkdown(cfg.doc, rep))
		}
	}
	return writeMarkdown(cfg.doc, rep)
}

// wearOut measures what stores write to their device, and fails if ours writes
// too much. The figures go into the tables only when they are asked to.
func wearOut(ctx context.Context, cfg config) error {
	if err := enterMounts(); err != nil {
		return err
	}
	rep, err := loadReport(cfg)
	if err != nil {
		return err
	}
	t, err := newPairmqd(ctx, cfg)
	if err != nil {
		return err
	}
	targets := []target{t}
	if cfg.apache {
		a, err := newApache(ctx, cfg, v5)
		if err != nil {
			return err
		}
		targets = append(targets, a)
	}
	rep.measuredWith(cfg, describeMachine(ctx, cfg.dir), targets)
	w := &wear{runner: newRunner(cfg, targets, rep, os.Stdout), out: os.Stdout}
	w.round = 1
	failed := w.run(ctx)
	if !cfg.record {
		return failed
	}
	return errors.Join(failed, rep.write(cfg.out), writeMarkdown(cfg.doc, rep))
}
