package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"pairmq/tools/loadgen"
)

// How the stores of wear are made: small segments, so that the log goes round
// soon, on volumes that have room for an Apache broker's files.
const (
	wearSegment  = 16 << 20
	wearMaxBytes = 96 << 20 // the least that such segments allow
	wearVolume   = 8 << 30
)

// errBudget is the cause when more was written than is allowed.
var errBudget = errors.New("over its budget")

// A wear measures what stores write to their device, and holds ours to its
// budget. Each cell is a check: it passes or fails, and the others go on.
type wear struct {
	*runner
	out io.Writer // verdicts

	mu             sync.Mutex
	passed, failed int
}

// inside is set for this program once it is in its own mount namespace.
const inside = "PAIRMQ_BENCH_INSIDE"

// enterMounts has the program run in a mount namespace of its own, which ends
// with it and its children however they end: no mount and no loop device is
// left behind. It returns in there only.
func enterMounts() error {
	if os.Getenv(inside) != "" {
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("-wear: file systems of its own need root")
	}
	for tool, pkg := range map[string]string{"losetup": "mount", "mkfs.ext4": "e2fsprogs", "unshare": "util-linux"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("-wear: %s is missing: apt-get install %s", tool, pkg)
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
	err = syscall.Exec(unshare, append([]string{"unshare", "--mount", self}, os.Args[1:]...), append(os.Environ(), inside+"=1"))
	return fmt.Errorf("-wear: %w", err)
}

// run measures all cells that are asked for. What is idle is watched while the
// others write, each on a device of its own.
func (w *wear) run(ctx context.Context) error {
	var idle sync.WaitGroup
	idle.Go(func() { w.idle(ctx, cellIdleAlone, 40) })
	idle.Go(func() { w.idle(ctx, cellIdleClient, 80) })
	w.stores(ctx)
	idle.Wait()
	if w.cfg.curve {
		w.curve(ctx)
	}
	fmt.Fprintf(w.out, "wear: %d passed, %d failed\n", w.passed, w.failed)
	if w.failed > 0 {
		return errors.Join(fmt.Errorf("wear: %d of %d checks failed", w.failed, w.passed+w.failed), ctx.Err())
	}
	return ctx.Err()
}

// check does one piece of work and says whether it is as it should be.
func (w *wear) check(ctx context.Context, name string, do func() error) {
	if ctx.Err() != nil {
		return
	}
	begin := time.Now()
	err := do()
	w.mu.Lock()
	defer w.mu.Unlock()
	verdict := "PASS"
	w.passed++
	if err != nil {
		fmt.Fprintf(w.out, "    %s: %v\n", name, err)
		verdict = "FAIL"
		w.passed--
		w.failed++
	}
	fmt.Fprintf(w.out, "--- %s: %s (%.1fs)\n", verdict, name, time.Since(begin).Seconds())
}

// stores measures what each kind of store writes under each load.
func (w *wear) stores(ctx context.Context) {
	for _, l := range wearLoads() {
		if w.wantsLoad(syncFlush, l) && w.cfg.measures(ours) {
			w.check(ctx, ours+"/"+l.name(), func() error { return w.ours(ctx, syncFlush, l) })
		}
		if w.wantsLoad(syncFlush, l) && w.cfg.measures(bbolt) && l.batch > 0 {
			w.check(ctx, bbolt+"/"+l.name(), func() error { return w.bbolt(ctx, l) })
		}
	}
	if !w.cfg.apache {
		return
	}
	for _, flush := range flushes() {
		for _, l := range wearLoads() {
			if !w.wantsLoad(flush, l) || !l.besides() {
				continue
			}
			if flush == asyncFlush && w.cfg.measures(ours) { // to compare with; a gateway would not choose it
				w.check(ctx, ours+"/"+flush+"/"+l.name(), func() error { return w.ours(ctx, flush, l) })
			}
			if w.cfg.measures(v5) && l.forApache() {
				w.check(ctx, v5+"/"+flush+"/"+l.name(), func() error { return w.apache(ctx, flush, l) })
			}
		}
	}
}

func (w *wear) wantsLoad(flush string, l wearLoad) bool {
	return w.cfg.wants(wearCell(first, flush, l)) || w.cfg.wants(wearCell(steady, flush, l))
}

// onVolume calls do with a folder and a new volume at its subfolder store.
func (w *wear) onVolume(ctx context.Context, name string, do func(dir string, v *volume) error) error {
	return w.inFolder(name, func(dir string) (err error) {
		v, err := newVolume(ctx, filepath.Join(dir, "store"), wearVolume)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, v.close()) }()
		return do(dir, v)
	})
}

// ourTarget is pairmqd with the settings of wear, on ports from that far behind
// the first.
func (w *wear) ourTarget(ctx context.Context, ports int, more ...string) (*pairmqd, error) {
	c := w.cfg
	c.port += ports
	t, err := newPairmqd(ctx, c)
	if err != nil {
		return nil, err
	}
	t.more = append([]string{fmt.Sprintf("--mappedFileSizeCommitLog=%d", wearSegment), fmt.Sprintf("--storeMaxBytes=%d", wearMaxBytes)}, more...)
	return t, nil
}

// ours measures pairmqd, with a new store and with one whose log has gone
// round, and holds the latter to its budget.
func (w *wear) ours(ctx context.Context, flush string, l wearLoad) error {
	t, err := w.ourTarget(ctx, 0, l.flags()...)
	if err != nil {
		return err
	}
	return w.onVolume(ctx, "wear-"+ours, func(dir string, v *volume) error {
		win := &wearWindow{target: t, dir: dir, volume: v, flush: flush}
		if _, err := w.window(ctx, win, first, l); err != nil {
			return err
		}
		if err := win.goRound(ctx); err != nil {
			return fmt.Errorf("fill the log: %w", err)
		}
		values, err := w.window(ctx, win, steady, l)
		if err != nil || flush != syncFlush {
			return err
		}
		return l.judge(values)
	})
}

// window measures one cell.
func (w *wear) window(ctx context.Context, win *wearWindow, state string, l wearLoad) (map[string]float64, error) {
	values, err := win.measure(ctx, l)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", state, err)
	}
	w.note(sample{Target: win.target.name(), Cell: wearCell(state, win.flush, l), Values: values})
	return values, nil
}

// judge holds what was measured against the budget.
func (l wearLoad) judge(v map[string]float64) error {
	var errs []error
	over := func(what string, bytes float64) {
		if ratio := bytes / v[metricRecords]; !(ratio <= l.budget()) {
			errs = append(errs, fmt.Errorf("%w: %.0f bytes %s for %.0f of records: %.3f, at most %.2f", errBudget, bytes, what, v[metricRecords], ratio, l.budget()))
		}
	}
	over("in write calls", v[metricCalls])
	if l.fills(v) {
		over("on the device", v[metricDevice])
	}
	return errors.Join(errs...)
}

// fills tells whether batches were large enough for the device to be held to
// the budget. How many messages a sync finds waiting, when they come one by
// one, follows from the disk and the processors.
func (l wearLoad) fills(v map[string]float64) bool {
	if l.batch > 0 {
		return l.batch*l.record >= fullBatch
	}
	return v[metricRecords] >= fullBatch*v[metricFlushes]
}

// goRound writes until all segments there will ever be were written once.
func (w *wearWindow) goRound(ctx context.Context) (err error) {
	b, err := w.target.start(ctx, w.dir, w.flush)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	l := wearLoad{record: large, batch: 512}
	body, err := bodyOf(ctx, b.addr, l)
	if err != nil {
		return err
	}
	_, err = send(ctx, loadgen.Target{Addr: b.addr}, l, body, 2*wearMaxBytes/large)
	return err
}
