package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pairmq/tools/harness"
	"pairmq/tools/loadgen"
)

// How long an idle broker is watched: longer than the 30 s of registrations,
// heartbeats and consumer offsets; and how long it is left alone before.
const (
	idleBefore = 35 * time.Second
	idleWindow = 70 * time.Second
)

// Idle clients: each queue has a consumer of each group.
const (
	idleConsumers = queues
	idleGroups    = 4
)

// idleBudget is what idle clients may make a broker write in an hour.
const idleBudget = 1 << 20

// idleMessages are in the store of an idle broker.
const idleMessages = 10_000

// idle watches a broker that has nothing to do: alone, it may write nothing at
// all; with clients that wait for messages, next to nothing.
func (w *wear) idle(ctx context.Context, cell string, ports int) {
	if !w.cfg.wants(cell) || !w.cfg.measures(ours) {
		return
	}
	w.check(ctx, ours+"/"+cell[len(wearPrefix):], func() error {
		return w.onVolume(ctx, "wear-idle-"+cell[len(wearPrefix+"idle/"):], func(dir string, v *volume) (err error) {
			t, err := w.ourTarget(ctx, ports)
			if err != nil {
				return err
			}
			b, err := t.start(ctx, dir, syncFlush)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, b.stop()) }()
			if err := w.settleIdle(ctx, b); err != nil {
				return err
			}
			if cell == cellIdleClient {
				clients, err := harness.StartConsumers(ctx, harness.ConsumerOptions{
					Broker: b.addr, Namesrv: loopback(t.port), Topic: wearTopic, Name: "Idle", Groups: idleGroups, Queues: idleConsumers,
				})
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, clients.Stop()) }()
			}
			return w.watchIdle(ctx, cell, v, b)
		})
	})
}

// settleIdle puts something into the store.
func (w *wear) settleIdle(ctx context.Context, b *broker) error {
	l := wearLoad{record: large}
	body, err := bodyOf(ctx, b.addr, l)
	if err != nil {
		return err
	}
	_, err = send(ctx, loadgen.Target{Addr: b.addr}, l, body, idleMessages)
	return err
}

func (w *wear) watchIdle(ctx context.Context, cell string, v *volume, b *broker) error {
	if err := wait(ctx, idleBefore); err != nil {
		return err
	}
	if err := v.settle(); err != nil {
		return err
	}
	before, err := v.written()
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := wait(ctx, idleWindow); err != nil {
		return err
	}
	if err := v.settle(); err != nil { // what was written to files and not to the device yet
		return err
	}
	after, err := v.written()
	if err != nil {
		return err
	}
	took, device := time.Since(begin), after.since(before)
	w.note(sample{Target: ours, Cell: cell, Values: map[string]float64{
		metricDevice: float64(device.bytes), metricFlushes: float64(device.flushes), metricSeconds: took.Seconds(),
	}})
	allowed := int64(0)
	if cell == cellIdleClient {
		allowed = int64(idleBudget * took.Hours())
	}
	if device.bytes > allowed {
		return fmt.Errorf("%w: %d bytes were written to the device in %.0f s, at most %d", errBudget, device.bytes, took.Seconds(), allowed)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
