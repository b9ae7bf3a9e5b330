package main

import (
	"context"
	"fmt"
	"time"
)

// Names of what can be measured.
const (
	ours  = "pairmqd"
	v5    = "apache-5.4.0"
	v4    = "apache-4.9.7"
	limit = "disk"
)

func targetNames() []string { return []string{ours, v5, v4, limit, bbolt} }

// A target is one kind of broker.
type target interface {
	name() string
	version() string
	// start runs a broker that keeps its files in dir, which it makes if need
	// be, and returns once it answers requests.
	start(ctx context.Context, dir, flush string) (*broker, error)
}

// Roles of a master: whether a send waits for its slave.
const (
	asyncMaster = "ASYNC_MASTER"
	syncMaster  = "SYNC_MASTER"
)

func roles() []string { return []string{asyncMaster, syncMaster} }

// A pairTarget is a kind of broker that can have a slave.
type pairTarget interface {
	target
	// startMaster is start, of a master in that role.
	startMaster(ctx context.Context, dir, flush, role string) (*broker, error)
	// startSlave runs a slave of the master that runs.
	startSlave(ctx context.Context, dir, flush string) (*broker, error)
}

// A broker is one that runs and answers.
type broker struct {
	addr    string
	process *process
	namesrv *process      // nil where it is in the same process
	ready   time.Duration // from the start of its process to its first answer
}

// stop ends the broker as an operator would, and its name server.
func (b *broker) stop() error {
	err := b.process.stop()
	if b.namesrv != nil {
		if nsErr := b.namesrv.stop(); err == nil {
			err = nsErr
		}
	}
	return err
}

// makeTargets returns the brokers that are to be measured, of the Apache ones
// the jars in place.
func makeTargets(ctx context.Context, c config) ([]target, error) {
	var all []target
	if c.measures(ours) {
		t, err := newPairmqd(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ours, err)
		}
		all = append(all, t)
	}
	for _, name := range []string{v5, v4} {
		if !c.measures(name) {
			continue
		}
		t, err := newApache(ctx, c, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, t)
	}
	return all, nil
}
