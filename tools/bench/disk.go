package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"pairmq/tools/loadgen"
)

// What a broker's log has for a message beside its body: 91 bytes of record,
// the topic, and the properties of a client's message.
const recordOverhead = 91 + 20 + 70

// segment is how much of the file is allocated ahead, as brokers do.
const segment = 64 << 20

// disk measures what the disk does for the simplest of logs: for each cell of SYNC_FLUSH, as many
// records as may be in flight are appended with one write and forced with one
// fdatasync, again and again. It is a yardstick and no bound: a broker that
// writes the next batch while this one is being forced can be faster.
func (r *runner) disk(ctx context.Context) error {
	var failed []error
	for _, size := range sizes() {
		for _, n := range inFlights() {
			cell := sendCell(syncFlush, size, n)
			if !r.cfg.wants(cell) || ctx.Err() != nil {
				continue
			}
			if err := r.diskCell(ctx, cell, size, n); err != nil {
				failed = append(failed, fmt.Errorf("%s, %s: %w", limit, cell, err))
			}
		}
	}
	return errors.Join(failed...)
}

func (r *runner) diskCell(ctx context.Context, cell string, size, n int) error {
	if err := r.sync(); err != nil {
		return err
	}
	h, elapsed, err := appendLoop(ctx, r.cfg.dir, size+recordOverhead, n, r.cfg.seconds)
	if err != nil {
		return err
	}
	rate := float64(h.Count()*int64(n)) / elapsed.Seconds()
	r.note(sample{Target: limit, Cell: cell, Values: map[string]float64{
		metricRate: rate, metricBytes: rate * float64(size),
		metricP50: micros(h.Quantile(0.5)), metricP99: micros(h.Quantile(0.99)),
		metricP999: micros(h.Quantile(0.999)), metricMax: micros(h.Max()),
	}})
	return nil
}

// appendLoop appends batches of n records for so long and returns how long
// each batch took until it was durable.
func appendLoop(ctx context.Context, dir string, record, n int, d time.Duration) (*loadgen.Histogram, time.Duration, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, 0, err
	}
	f, err := os.Create(filepath.Join(dir, "disk-limit"))
	if err != nil {
		return nil, 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	batch := make([]byte, record*n)
	for i := range batch {
		batch[i] = byte(i * 131)
	}
	h := new(loadgen.Histogram)
	start := time.Now()
	allocated, at := int64(0), int64(0)
	for ctx.Err() == nil && time.Since(start) < d {
		t := time.Now()
		for at+int64(len(batch)) > allocated {
			if err := unix.Fallocate(int(f.Fd()), 0, allocated, segment); err != nil {
				return nil, 0, fmt.Errorf("allocate: %w", err)
			}
			allocated += segment
		}
		if _, err := f.WriteAt(batch, at); err != nil {
			return nil, 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return nil, 0, fmt.Errorf("fdatasync: %w", err)
		}
		at += int64(len(batch))
		h.Record(time.Since(t), 1)
	}
	return h, time.Since(start), ctx.Err()
}
