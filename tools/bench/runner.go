package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A runner goes through the rounds and adds samples to the report.
type runner struct {
	cfg     config
	targets []target
	report  *report
	log     io.Writer // a line for each sample
	round   int
	mu      sync.Mutex      // guards what note changes
	began   map[string]bool // "target cell" measured in this run
}

func newRunner(c config, targets []target, r *report, log io.Writer) *runner {
	return &runner{cfg: c, targets: targets, report: r, log: log, began: make(map[string]bool)}
}

// rounds measures everything that was asked for, as often as asked for. In
// each round another target is the first, so that none always has the cold or
// the full disk. A cell that fails is reported and the others go on; the end
// of ctx ends all.
func (r *runner) rounds(ctx context.Context) error {
	var failed []error
	for r.round = 1; r.round <= r.cfg.rounds; r.round++ {
		if r.cfg.measures(limit) {
			failed = append(failed, r.disk(ctx))
		}
		for _, flush := range flushes() {
			for i := range r.targets {
				t := r.targets[(i+r.round-1)%len(r.targets)]
				if err := ctx.Err(); err != nil {
					return errors.Join(append(failed, err)...)
				}
				if !r.wantsAny(flush) {
					continue
				}
				if err := r.phase(ctx, t, flush); err != nil {
					failed = append(failed, fmt.Errorf("%s, %s, round %d: %w", t.name(), flush, r.round, err))
				}
			}
		}
		failed = append(failed, r.namesrvs(ctx), r.pairs(ctx), r.recoveries(ctx), r.delays(ctx))
	}
	return errors.Join(failed...)
}

// wantsAny tells whether any cell is to be measured on a broker alone with that
// flush policy; all such cells but sends belong to ASYNC_FLUSH.
func (r *runner) wantsAny(flush string) bool {
	for _, cell := range allCells() {
		if r.cfg.wants(cell) && phaseOf(cell) == flush {
			return true
		}
	}
	return false
}

func phaseOf(cell string) string {
	if isPair(cell) || isNamesrv(cell) || isRecovery(cell) || isDelay(cell) {
		return ""
	}
	if len(cell) > len("send/SYNC") && cell[:len("send/SYNC")] == "send/SYNC" {
		return syncFlush
	}
	return asyncFlush
}

// phase runs one broker, alone, from an empty store to its end.
func (r *runner) phase(ctx context.Context, t target, flush string) error {
	return r.inFolder(fmt.Sprintf("%s-%s-%d", t.name(), flush, r.round), func(dir string) error {
		b, err := t.start(ctx, dir, flush)
		if err != nil {
			return err
		}
		p := &phase{runner: r, target: t, broker: b, flush: flush, dir: dir}
		err = p.run(ctx)
		return errors.Join(err, p.broker.stop())
	})
}

// inFolder calls run with a new folder for stores and logs, and removes it after.
func (r *runner) inFolder(name string, run func(dir string) error) (err error) {
	dir, err := filepath.Abs(filepath.Join(r.cfg.dir, name))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if !r.cfg.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if err := r.sync(); err != nil {
		return err
	}
	return run(dir)
}

// note adds a sample, in place of those an earlier run has of its cell.
func (r *runner) note(s sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if key := s.Target + " " + s.Cell; !r.began[key] {
		r.began[key] = true
		r.report.forget(s.Target, s.Cell)
	}
	s.Round, s.At = r.round, time.Now().UTC().Truncate(time.Second)
	r.report.add(s)
	fmt.Fprintf(r.log, "%s  round %d  %-13s %-24s %s\n", s.At.Format(time.TimeOnly), s.Round, s.Target, s.Cell, s.summary())
}

// sync empties the page cache of what is still to be written to the disk that
// is measured: what one cell left is not the next one's to write.
func (r *runner) sync() error {
	if err := os.MkdirAll(r.cfg.dir, 0o755); err != nil {
		return err
	}
	d, err := os.Open(r.cfg.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("sync the file system of %s: %w", r.cfg.dir, err)
	}
	return nil
}
