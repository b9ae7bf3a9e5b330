package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pacedTime is how long each cell of the curve is measured.
const pacedTime = 10 * time.Second

// curve measures what flushLinger saves and what it costs.
func (w *wear) curve(ctx context.Context) {
	for _, linger := range lingers() {
		if !w.cfg.wants(lingerCell(linger, pacedRates()[0])) && !w.cfg.wants(lingerCell(linger, pacedRates()[1])) {
			continue
		}
		w.check(ctx, fmt.Sprintf("linger/%dµs", linger.Microseconds()), func() error { return w.lingers(ctx, linger) })
	}
}

// lingers measures one value of it, with a log that has gone round.
func (w *wear) lingers(ctx context.Context, linger time.Duration) error {
	t, err := w.ourTarget(ctx, 0, fmt.Sprintf("--flushLinger=%d", linger.Microseconds()))
	if err != nil {
		return err
	}
	return w.onVolume(ctx, "wear-linger", func(dir string, v *volume) (err error) {
		win := &wearWindow{target: t, dir: dir, volume: v, flush: syncFlush}
		if err := win.goRound(ctx); err != nil {
			return fmt.Errorf("fill the log: %w", err)
		}
		b, err := t.start(ctx, dir, syncFlush)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.stop()) }()
		body, err := bodyOf(ctx, b.addr, wearLoad{record: pacedRecord, batch: 1})
		if err != nil {
			return err
		}
		for _, rate := range pacedRates() {
			p := paced{addr: b.addr, rate: rate, duration: pacedTime, request: plain(wearTopic, make([]byte, body))}
			if err := w.pace(ctx, v, p, lingerCell(linger, rate)); err != nil {
				return err
			}
		}
		return nil
	})
}

// pace measures one cell of the curve. The index is not in it: that is written
// with every 16 MiB of log, whatever comes how fast.
func (w *wear) pace(ctx context.Context, v *volume, p paced, cell string) error {
	if err := v.settle(); err != nil {
		return err
	}
	before, err := v.written()
	if err != nil {
		return err
	}
	h, err := p.run(ctx)
	if err != nil {
		return err
	}
	after, err := v.written() // each of them was synced
	if err != nil {
		return err
	}
	device := after.since(before)
	w.note(sample{Target: ours, Cell: cell, Values: map[string]float64{
		metricDevice: float64(device.bytes), metricFlushes: float64(device.flushes), metricMessages: float64(h.Count()), metricSeconds: p.duration.Seconds(),
		metricP50: micros(h.Quantile(0.5)), metricP99: micros(h.Quantile(0.99)),
	}})
	return nil
}
