package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"pairmq/tools/harness"
)

// What is measured of a daemon, a broker with a name server in the same process:
//
//	idle-rss-kib     resident memory with 100 topics, after a minute in which nobody asked anything
//	idle-cpu-ppm     processor time of that minute, in millionths of a core
//	clients-rss-kib  the same two, while the consumers of one group hold pulls, send heartbeats
//	clients-cpu-ppm  and commit offsets as RocketMQ's clients do
//	ready-ms         from the start to READY=1, with 100 topics and after a stop in order: the
//	                 least of some starts, because what is more is the machine's
//
// The lab measures idle-rss-kib and idle-cpu-ppm in booted machines, and counted-ready-ms,
// from systemd's fork to READY=1 with a processor of 500 million instructions a second.
const (
	topicCount  = 100
	consumers   = 8                // of one group, each with a queue and a connection of its own
	settleTime  = 20 * time.Second // after the topics were made, and between clients and their window
	window      = time.Minute
	startsTried = 5
)

// measureAll measures the daemons of a list "amd64=bin/pairmqd,386=bin/pairmqd-386",
// all at the same time: what is idle is in nobody's way.
func measureAll(ctx context.Context, list string) ([]figure, error) {
	type result struct {
		all []figure
		err error
	}
	var wg sync.WaitGroup
	items := strings.Split(list, ",")
	results := make([]result, len(items))
	for i, item := range items {
		arch, bin, ok := strings.Cut(item, "=")
		if !ok {
			return nil, fmt.Errorf("-measure %s: want ARCH=BIN", item)
		}
		wg.Go(func() {
			all, err := measure(ctx, arch, bin)
			if err != nil {
				err = fmt.Errorf("%s: %w", arch, err)
			}
			results[i] = result{all, err}
		})
	}
	wg.Wait()
	var all []figure
	var errs []error
	for _, r := range results {
		all, errs = append(all, r.all...), append(errs, r.err)
	}
	return all, errors.Join(errs...)
}

// measure measures one daemon.
func measure(ctx context.Context, arch, bin string) (all []figure, err error) {
	if bin, err = filepath.Abs(bin); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pairmq-budget-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(dir)
		}
	}()
	port, err := harness.FreePort(-2, 1, 2) // the others of a broker, and its name server's
	if err != nil {
		return nil, err
	}
	s := spawn{bin: bin, dir: dir, port: port}
	d, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	if all, err = s.watch(ctx, d, arch); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	if err := d.stop(); err != nil {
		return nil, err
	}
	ready, err := s.fastest(ctx)
	return append(all, figure{arch, "ready-ms", ready.Milliseconds()}), err
}

// watch measures a daemon alone and with clients.
func (s *spawn) watch(ctx context.Context, d *daemon, arch string) ([]figure, error) {
	if err := makeTopics(ctx, s.broker()); err != nil {
		return nil, err
	}
	idle, err := d.window(ctx)
	if err != nil {
		return nil, err
	}
	group, err := harness.StartConsumers(ctx, harness.ConsumerOptions{
		Broker: s.broker(), Namesrv: s.namesrv(), Topic: topicName(0), Name: "Budget", Groups: 1, Queues: consumers,
	})
	if err != nil {
		return nil, err
	}
	busy, err := d.window(ctx)
	if err := errors.Join(err, group.Stop()); err != nil {
		return nil, err
	}
	return []figure{
		{arch, "idle-rss-kib", idle.rss}, {arch, "idle-cpu-ppm", idle.ppm},
		{arch, "clients-rss-kib", busy.rss}, {arch, "clients-cpu-ppm", busy.ppm},
	}, nil
}

// A need is what a daemon took during a window.
type need struct {
	rss int64 // KiB, at its end
	ppm int64 // of a core
}

// window waits until it is quiet, and measures from then on.
func (d *daemon) window(ctx context.Context) (n need, err error) {
	if err := wait(ctx, settleTime); err != nil {
		return n, err
	}
	before, err := cpuTime(d.PID())
	if err != nil {
		return n, err
	}
	begin := time.Now()
	if err := wait(ctx, window); err != nil {
		return n, err
	}
	after, err := cpuTime(d.PID())
	if err != nil {
		return n, err
	}
	n.ppm = int64(float64(after-before) / float64(time.Since(begin)) * 1e6)
	n.rss, err = residentKiB(d.PID())
	return n, err
}

// fastest starts the daemon a few times and returns the least time to READY=1.
func (s *spawn) fastest(ctx context.Context) (least time.Duration, err error) {
	for range startsTried {
		d, err := s.start(ctx)
		if err != nil {
			return 0, err
		}
		if least == 0 || d.ready < least {
			least = d.ready
		}
		if err := d.stop(); err != nil {
			return 0, err
		}
	}
	return least, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
