package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pairmq/tools/loadgen"
)

// Cells of recovery.
const (
	recoveryPrefix = "recovery/"
	cellKilled     = recoveryPrefix + "killed"    // a start after kill -9, with a log of 1 GiB
	cellSparse64   = recoveryPrefix + "sparse/64" // a log of 64 GiB
	cellSparse32   = recoveryPrefix + "sparse/32" // the same, with a binary for 32 bits
)

// rebuildCell is a start without an index, with a log of records of that size.
func rebuildCell(record int) string { return fmt.Sprintf("%sindex/%d", recoveryPrefix, record) }

func recoveryCells() []string {
	return []string{cellKilled, rebuildCell(large), rebuildCell(small), cellSparse64, cellSparse32}
}

func isRecovery(cell string) bool { return strings.HasPrefix(cell, recoveryPrefix) }

// metricLog is how long the log was, in bytes.
const metricLog = "logBytes"

// recoveries measures the cells of recovery.
func (r *runner) recoveries(ctx context.Context) error {
	var failed []error
	cell := func(t target, name string, do func(dir string) error) {
		if !r.cfg.wants(name) || ctx.Err() != nil {
			return
		}
		if err := r.inFolder(fmt.Sprintf("%s-%s-%d", strings.ReplaceAll(name, "/", "-"), t.name(), r.round), do); err != nil {
			failed = append(failed, fmt.Errorf("%s, %s, round %d: %w", t.name(), name, r.round, err))
		}
	}
	for i := range r.targets {
		t := r.targets[(i+r.round-1)%len(r.targets)]
		cell(t, cellKilled, func(dir string) error { return r.killed(ctx, t, dir) })
		p, ours := t.(*pairmqd)
		if !ours {
			continue
		}
		for _, record := range []int{large, small} {
			cell(t, rebuildCell(record), func(dir string) error { return r.rebuild(ctx, p, dir, record) })
		}
		cell(t, cellSparse64, func(dir string) error { return r.sparse(ctx, p, dir, cellSparse64) })
		cell(t, cellSparse32, func(dir string) error {
			narrow := *p
			var err error
			if narrow.binary, err = filepath.Abs(r.cfg.pairmqd32); err != nil {
				return err
			}
			return r.sparse(ctx, &narrow, dir, cellSparse32)
		})
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// killed kills a broker right behind the last answer and starts it again. The
// page cache is as the kill left it, which Apache's brokers make use of; ours
// reads the log's end from the disk, lest it believe what is only in memory.
func (r *runner) killed(ctx context.Context, t target, dir string) error {
	b, err := t.start(ctx, dir, asyncFlush)
	if err != nil {
		return err
	}
	log, err := fillLog(ctx, b, wearLoad{record: large, batch: 64}, r.cfg.copied)
	b.process.Kill()
	if b.namesrv != nil {
		err = errors.Join(err, b.namesrv.stop())
	}
	if err != nil {
		return err
	}
	if err := r.sync(); err != nil { // what the kernel still writes is not the start's
		return err
	}
	return r.reopen(ctx, t, dir, sample{Target: t.name(), Cell: cellKilled}, log)
}

// fillLog sends records until the log is so long, and returns how long it is.
func fillLog(ctx context.Context, b *broker, l wearLoad, size int64) (int64, error) {
	body, err := bodyOf(ctx, b.addr, l)
	if err != nil {
		return 0, err
	}
	if _, err := send(ctx, loadgen.Target{Addr: b.addr}, l, body, size/int64(l.record)/512*512); err != nil {
		return 0, err
	}
	end, err := logEnd(ctx, b.addr, nil)
	return end.end, err
}

// reopen starts the broker on what is there, and notes how long it took until
// it answered and what memory that needed.
func (r *runner) reopen(ctx context.Context, t target, dir string, s sample, log int64) error {
	b, err := t.start(ctx, dir, asyncFlush)
	if err != nil {
		return err
	}
	now, endErr := answeredEnd(ctx, b)
	took, err := indexed(ctx, b)
	m, memErr := b.process.memory()
	if err := errors.Join(endErr, err, memErr, b.stop()); err != nil {
		return err
	}
	if now < log {
		return fmt.Errorf("the log ends at %d after the start, at %d before", now, log)
	}
	s.Values = map[string]float64{metricMillis: millis(b.ready), metricStores: millis(took), metricHWM: m.hwm, metricRSS: m.rss, metricLog: float64(log)}
	r.note(s)
	return nil
}

// answeredEnd asks for the log's end until the broker says it: those of Apache
// answer that they are not ready yet in their first second.
func answeredEnd(ctx context.Context, b *broker) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		end, err := logEnd(ctx, b.addr, nil)
		if err != nil || end.end > 0 {
			return end.end, err
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// rebuild takes the index away and measures how soon the start answers, and how fast
// it makes a new one.
func (r *runner) rebuild(ctx context.Context, p *pairmqd, dir string, record int) error {
	t := *p
	l := wearLoad{record: record, batch: 512}
	t.more = l.flags()
	b, err := t.start(ctx, dir, asyncFlush)
	if err != nil {
		return err
	}
	log, err := fillLog(ctx, b, l, r.cfg.copied/2)
	if err := errors.Join(err, b.stop()); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, "store", "meta.db")); err != nil {
		return err
	}
	if err := r.sync(); err != nil {
		return err
	}
	return r.reopen(ctx, &t, dir, sample{Target: t.name(), Cell: rebuildCell(record)}, log)
}

// sparse opens a log of 64 GiB, of which almost nothing was ever written, without
// an index and, after a kill, with one; reads all that is in it, and adds to it.
func (r *runner) sparse(ctx context.Context, p *pairmqd, dir, cell string) error {
	log, err := writeSparse(filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	t := *p
	t.more = []string{fmt.Sprintf("--mappedFileSizeCommitLog=%d", sparseSegment)}
	b, err := t.start(ctx, dir, syncFlush)
	if err != nil {
		return err
	}
	scanned, err := indexed(ctx, b)
	b.process.Kill()
	if err != nil {
		return err
	}
	b, err = t.start(ctx, dir, syncFlush)
	if err != nil {
		return err
	}
	again, err := indexed(ctx, b)
	if err != nil {
		return errors.Join(err, b.stop())
	}
	served, err := r.serveSparse(ctx, b)
	m, memErr := b.process.memory()
	if err := errors.Join(err, memErr, b.stop()); err != nil {
		return err
	}
	r.note(sample{Target: t.name(), Cell: cell, Values: map[string]float64{
		metricMillis: millis(b.ready), metricScanned: millis(scanned), metricStores: millis(again), metricHWM: m.hwm, metricRSS: m.rss, metricLog: float64(log), metricMessages: float64(served),
	}})
	return nil
}

// metricStores is how long it took from the start of the process until messages
// were stored again.
const metricStores = "storesMillis"

// indexed waits until the broker has indexed its log, and returns how long that took
// since the start of its process. It closes its connections then.
func indexed(ctx context.Context, b *broker) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		now, err := logEnd(ctx, b.addr, nil)
		if err == nil && now.end > 0 && !now.partly {
			return time.Since(b.process.Started), nil
		}
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return 0, fmt.Errorf("the log is not indexed: %w", err)
		}
	}
}

// metricScanned is metricStores of the start that had no index.
const metricScanned = "scannedMillis"

// serveSparse sends as many messages as are in the log's last segment, and pulls
// all there are.
func (r *runner) serveSparse(ctx context.Context, b *broker) (int64, error) {
	t := loadgen.Target{Addr: b.addr}
	if _, err := send(ctx, t, wearLoad{record: large, batch: 64}, large, sparseRecords); err != nil {
		return 0, err
	}
	const want = 3 * sparseRecords
	pulled, err := loadgen.Pull(ctx, loadgen.PullOptions{Target: t, Topic: wearTopic, Queues: queues, Conns: r.cfg.conns, Bounds: loadgen.Bounds{Duration: time.Minute}})
	if err == nil && pulled.TotalMessages != want {
		err = fmt.Errorf("%d messages were pulled, there are %d", pulled.TotalMessages, want)
	}
	return pulled.TotalMessages, err
}
