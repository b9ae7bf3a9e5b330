package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A result is of a target that has not failed.
type result struct {
	target
	seconds int
	inputs  int64 // tried
	corpus  int   // that went a new way, and are kept
}

// A runner has what all targets share.
type runner struct {
	args
	dir     string // absolute
	corpora corpora
}

// runAll runs the targets, as many at once as it is told to, and ends all when one fails.
// The results are in the order of the targets.
func runAll(ctx context.Context, r runner, targets []target) ([]result, error) {
	programs, err := r.build(ctx, targets)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	results := make([]result, len(targets))
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range targets {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	var workers sync.WaitGroup
	for range r.jobs {
		workers.Go(func() {
			for i := range next {
				one, err := r.try(ctx, targets[i], programs[targets[i].pkg])
				if err != nil {
					end(err) // the first is the cause
					return
				}
				results[i] = one
				fmt.Printf("fuzz %v: %d s, %d inputs, %d kept\n", one.target, one.seconds, one.inputs, one.corpus)
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return results, nil
}

// build makes the test program of each package once: they are instrumented, and not quick to link.
func (r runner) build(ctx context.Context, targets []target) (programs map[string]string, err error) {
	programs = make(map[string]string)
	for _, t := range targets {
		if programs[t.pkg] != "" {
			continue
		}
		program := filepath.Join(r.dir, strings.ReplaceAll(t.pkg, "/", "-")+".test")
		if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-fuzz", t.name, "-o", program, "./"+t.pkg).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go test -c ./%s: %w\n%s", t.pkg, err, out)
		}
		programs[t.pkg] = program
	}
	return programs, nil
}

// try runs one target, once more if it failed for its time alone: at the end of that go test
// sometimes fails with no input that did, and none that is kept.
func (r runner) try(ctx context.Context, t target, program string) (result, error) {
	one, err := r.once(ctx, t, program)
	var failed *failure
	if errors.As(err, &failed) && strings.Contains(failed.out, "context deadline exceeded") && !strings.Contains(failed.out, "Failing input") {
		return r.once(ctx, t, program)
	}
	return one, err
}

// A failure is of a target, with what it printed: the input, and where that is kept.
type failure struct {
	target
	err error
	out string
}

func (f *failure) Error() string { return fmt.Sprintf("%v: %v\n%s", f.target, f.err, f.out) }

func (r runner) once(ctx context.Context, t target, program string) (result, error) {
	list := []string{
		"-test.run=^$", "-test.fuzz=^" + t.name + "$", "-test.fuzztime=" + r.each.String(),
		"-test.fuzzcachedir=" + r.corpora.of(t), "-test.timeout=0",
	}
	if r.jobs > 1 {
		list = append(list, "-test.parallel=1")
	}
	run := exec.CommandContext(ctx, program, list...)
	run.Dir = filepath.FromSlash(t.pkg) // as go test does: testdata is there
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	run.WaitDelay = 10 * time.Second
	out, err := run.CombinedOutput()
	if err != nil {
		return result{}, &failure{t, err, string(out)}
	}
	return said(t, string(out))
}

// lastLine is what a target that fuzzes says every three seconds, and at its end.
var lastLine = regexp.MustCompile(`fuzz: elapsed: (\S+), execs: (\d+) \(\d+/sec\), new interesting: \d+ \(total: (\d+)\)`)

// said reads what a target printed.
func said(t target, out string) (result, error) {
	lines := lastLine.FindAllStringSubmatch(out, -1)
	if len(lines) == 0 {
		return result{}, fmt.Errorf("%v: go test does not say how many inputs it tried:\n%s", t, out)
	}
	last := lines[len(lines)-1]
	elapsed, err := time.ParseDuration(last[1])
	inputs, err2 := strconv.ParseInt(last[2], 10, 64)
	corpus, err3 := strconv.Atoi(last[3])
	if err := errors.Join(err, err2, err3); err != nil {
		return result{}, fmt.Errorf("%v: %q: %w", t, last[0], err)
	}
	return result{t, int(elapsed.Seconds()), inputs, corpus}, nil
}
