package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"pairmq/tools/lab/order"
	"pairmq/tools/lab/promise"
)

// The disks of a machine that records writes, as it sees them.
const (
	logDevice     = "/dev/vdb" // what was written, in order
	replicaDevice = "/dev/vdc" // the state disk as it was in the beginning, then at a point
	cowDevice     = "/dev/vdd" // what is written while a point is tried, so that the replica is not
)

// recordTime is how long the load is that is recorded, and markEvery how often
// the log is told how much was promised by then.
const (
	recordTime = 4 * time.Second
	markEvery  = 100 * time.Millisecond
)

// recordedWrites records all writes under load, goes back to many of them, and
// tries what a store would have been whose power had gone there.
func (l *lab) recordedWrites(ctx context.Context, t *trial, kind string) error {
	rng := rand.New(rand.NewPCG(t.seed, 5))
	state, replica := filepath.Join(t.dir, "state.img"), filepath.Join(t.dir, "replica.img")
	log, cow := filepath.Join(t.dir, "log.img"), filepath.Join(t.dir, "cow.img")
	err := errors.Join(makeImage(ctx, state, kind, smallImage), makeBlank(log, 1<<30), makeBlank(cow, smallImage))
	if err == nil {
		err = command(ctx, "cp", "--sparse=always", state, replica)
	}
	if err != nil {
		return err
	}
	m, err := newMachine(l, t.dir, plainDrive(state), plainDrive(log), plainDrive(replica), plainDrive(cow))
	if err != nil {
		return err
	}
	defer m.close()
	load, err := newLoad(t.dir)
	if err != nil {
		return err
	}
	defer load.close()
	if err := m.power(); err != nil {
		return err
	}
	if err := m.await(ctx); err != nil {
		return err
	}
	if err := recordLoad(ctx, m, load, kind, rng); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	a, err := m.do(order.Order{Do: order.Scan, Device: logDevice})
	if err != nil {
		return err
	}
	points, barriers := choosePoints(a.Entries, l.points, rng)
	t.say("%d entries, %d barriers, %d OKs", len(a.Entries), barriers, load.ledger.OKs())
	missing := 0
	for i, p := range points {
		s, loose, took, err := tryPoint(ctx, m, load, kind, p)
		if err != nil {
			return fmt.Errorf("point %d, entry %d of %d%s: %w", i+1, p.upto, len(a.Entries), loose, err)
		}
		t.say("entry %5d: %4d promised, %4d kept, %4d there; recovery %.2fs%s", p.upto, s.Promised, s.Kept, s.Records, took.Seconds(), loose)
		missing += load.ledger.OKs() - s.Records
	}
	if missing <= 0 {
		return errors.New("whatever point the disk was taken back to, it had all messages: the lab would not see a loss")
	}
	return errors.Join(m.off(), load.err())
}

// recordLoad has a load written to a disk that notes all writes, and marks in the
// notes how much of the ledger was learned before them.
func recordLoad(ctx context.Context, m *machine, load *load, kind string, rng *rand.Rand) error {
	table := order.Table{Target: "log-writes", Params: stateDevice + " " + logDevice, Over: stateDevice}
	a, err := m.do(order.Order{Do: order.Create, Name: "recorded", Table: table})
	if err != nil {
		return err
	}
	if err := m.recover(ctx, a.Text, kind, syncFlush); err != nil {
		return err
	}
	if err := load.makeTopics(ctx, m.broker, 0); err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	wait := load.start(working, m.broker, rng)
	for began := time.Now(); time.Since(began) < recordTime && ctx.Err() == nil; pause(ctx, markEvery) {
		// What was learned by now was written before the mark.
		if _, err := m.do(order.Order{Do: order.Message, Name: "recorded", Text: markText(load.ledger.Len())}); err != nil {
			return err
		}
	}
	stop()
	wait()
	for _, o := range []order.Order{{Do: order.Message, Name: "recorded", Text: markText(load.ledger.Len())}, {Do: order.Kill}, {Do: order.Unmount}, {Do: order.Remove, Name: "recorded"}} {
		if _, err := m.do(o); err != nil {
			return err
		}
	}
	return nil
}

// tryPoint makes the state disk as it was at a point, and judges what the
// daemon finds there.
func tryPoint(ctx context.Context, m *machine, load *load, kind string, p point) (s promise.Summary, loose string, took time.Duration, err error) {
	if _, err := m.do(order.Order{Do: order.Replay, Device: logDevice, To: replicaDevice, Upto: p.upto}); err != nil {
		return s, "", 0, err
	}
	table := order.Table{Target: "snapshot", Params: replicaDevice + " " + cowDevice + " N 8", Over: replicaDevice}
	a, err := m.do(order.Order{Do: order.Create, Name: "tried", Table: table})
	if err != nil {
		return s, "", 0, err
	}
	device := a.Text
	if p.end > p.upto {
		a, err := m.do(order.Order{Do: order.Loose, Device: logDevice, To: device, Upto: p.upto, End: p.end, Seed: p.seed, Unit: atomicWrite(kind)})
		if err != nil {
			return s, "", 0, err
		}
		loose = "; of the next writes " + a.Text
	}
	began := time.Now()
	if err := m.recover(ctx, device, kind, syncFlush); err != nil {
		return s, loose, 0, err
	}
	took = time.Since(began)
	r, err := load.read(ctx, m.broker)
	if err != nil {
		return s, loose, took, fmt.Errorf("read everything: %w; see %s", err, m.console)
	}
	s, found := load.ledger.Judge(r, p.learned)
	if err := violated(found); err != nil {
		return s, loose, took, err
	}
	for _, o := range []order.Order{{Do: order.Kill}, {Do: order.Unmount}, {Do: order.Remove, Name: "tried"}} {
		if _, err := m.do(o); err != nil {
			return s, loose, took, err
		}
	}
	return s, loose, took, nil
}

// atomicWrite is what a file system needs its device to write whole. ext4's
// journal has checksums; f2fs's nodes have none, and are one block.
func atomicWrite(kind string) int64 {
	if kind == "f2fs" {
		return 4096
	}
	return sectorBytes
}
