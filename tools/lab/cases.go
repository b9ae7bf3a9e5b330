package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// lifeCuts is how many cuts a disk lives through before the next life begins with an empty one.
const lifeCuts = 12

// A trial is one case: something done to a machine, in a folder of its own.
type trial struct {
	name string
	seed uint64
	do   func(ctx context.Context, t *trial) error

	dir     string
	out     bytes.Buffer // what it has to say
	figures []figure
	tally   string // of messages, in the end
	ran     bool
	failed  bool
	took    time.Duration
}

// say adds a line to what is printed of the trial.
func (t *trial) say(format string, args ...any) { fmt.Fprintf(&t.out, "    "+format+"\n", args...) }

// cases are all trials. What costs most comes first.
func (l *lab) cases() (all []*trial) {
	add := func(name string, do func(context.Context, *trial) error) {
		all = append(all, &trial{name: name, seed: l.seed + uint64(len(all)), do: do})
	}
	kinds := []string{"ext4", "f2fs"}
	for i, kind := range kinds {
		for n, cuts := range shares((l.cuts+len(kinds)-1-i)/len(kinds), lifeCuts) {
			add(fmt.Sprintf("PowerCuts/%s/%d", kind, n+1), func(ctx context.Context, t *trial) error {
				return l.life(ctx, t, kind, cuts)
			})
		}
	}
	for _, kind := range kinds {
		add("RecordedWrites/"+kind, func(ctx context.Context, t *trial) error { return l.recordedWrites(ctx, t, kind) })
	}
	for _, kind := range kinds {
		add("DroppedWrites/"+kind, func(ctx context.Context, t *trial) error { return l.droppedWrites(ctx, t, kind) })
	}
	for _, kind := range kinds {
		add("FailedWrites/"+kind, func(ctx context.Context, t *trial) error { return l.failedWrites(ctx, t, kind) })
	}
	for _, kind := range kinds {
		add("DiskThatLiesLoses/"+kind, func(ctx context.Context, t *trial) error { return l.twin(ctx, t, kind, lying, syncFlush) })
	}
	add("DaemonThatDoesNotWaitLoses/ext4", func(ctx context.Context, t *trial) error { return l.twin(ctx, t, "ext4", volatile, lazyFlush) })
	return all
}

// runCases runs what was chosen, some at a time, and tells w of each when it has ended.
func (l *lab) runCases(ctx context.Context, w io.Writer, all []*trial, chosen *regexp.Regexp) (passed, failed int) {
	var mu sync.Mutex
	var work sync.WaitGroup
	slots := make(chan struct{}, max(l.jobs, 1))
	for _, t := range all {
		if !chosen.MatchString(t.name) {
			continue
		}
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			began := time.Now()
			err := l.runCase(ctx, t)
			mu.Lock()
			defer mu.Unlock()
			t.failed, t.took = err != nil, time.Since(began)
			t.ran = err == nil || !errors.Is(ctx.Err(), context.Canceled) // else it was interrupted, which is no result
			verdict := "PASS"
			if err == nil {
				passed++
			} else {
				failed++
				verdict = "FAIL"
				t.say("%s", strings.ReplaceAll(err.Error(), "\n", "\n    "))
				t.say("images, logs and history are in %s; again: lab -seed %d -run '^%s$'", t.dir, l.seed, t.name)
			}
			fmt.Fprintf(w, "--- %s: %s (%.1fs)\n%s", verdict, t.name, t.took.Seconds(), t.out.String())
		})
	}
	work.Wait()
	return passed, failed
}

// runCase runs one in its folder, which goes if nothing was wrong.
func (l *lab) runCase(ctx context.Context, t *trial) error {
	t.dir = filepath.Join(l.dir, strings.ReplaceAll(t.name, "/", "-"))
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := t.do(ctx, t)
	if err == nil && !l.keep {
		err = os.RemoveAll(t.dir)
	}
	return err
}
