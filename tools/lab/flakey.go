package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"pairmq/tools/lab/order"
	"pairmq/tools/lab/promise"
)

// What dm-flakey does with writes, as features of its table: see
// Documentation/admin-guide/device-mapper/dm-flakey.rst.
const (
	passing  = "3600 0"                // all goes well
	dropping = "0 3600 1 drop_writes"  // a write succeeds and is not there
	failing  = "0 3600 1 error_writes" // a write fails
)

// smallImage is room for the load of some seconds, often begun anew.
const smallImage = 160 << 20

// A patient is a machine whose state disk goes bad and well again while it runs.
type patient struct {
	kind  string
	image string
	path  string // of the device to mount
	*machine
	*load
	rng *rand.Rand

	lies     []int64 // messages answered OK since the disk lied
	lost     int     // of all there were, that are not there
	believed int     // of all there were, that are
}

// newPatient boots one whose disk is well.
func (l *lab) newPatient(ctx context.Context, t *trial, kind string) (*patient, error) {
	p := &patient{kind: kind, image: filepath.Join(t.dir, "state.img"), rng: rand.New(rand.NewPCG(t.seed, 4))}
	if err := makeImage(ctx, p.image, kind, smallImage); err != nil {
		return nil, err
	}
	var err error
	if p.machine, err = newMachine(l, t.dir, plainDrive(p.image)); err != nil {
		return nil, err
	}
	if p.load, err = newLoad(t.dir); err != nil {
		return nil, err
	}
	err = p.machine.power()
	if err == nil {
		err = p.await(ctx)
	}
	if err == nil {
		var a order.Answer
		a, err = p.do(order.Order{Do: order.Create, Name: "state", Table: flakeyTable(passing)})
		p.path = a.Text
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// close ends whatever still runs.
func (p *patient) close() {
	p.machine.close()
	p.load.close()
}

func flakeyTable(does string) order.Table {
	return order.Table{Target: "flakey", Params: stateDevice + " 0 " + does, Over: stateDevice}
}

// turn changes what the disk does, from one moment to the next.
func (p *patient) turn(does string) error {
	_, err := p.do(order.Order{Do: order.Reload, Name: "state", Table: flakeyTable(does)})
	return err
}

// judge reads everything.
func (p *patient) judge(ctx context.Context) (promise.Summary, error) {
	r, err := p.load.read(ctx, p.broker)
	if err != nil {
		return promise.Summary{}, fmt.Errorf("read everything: %w; see %s", err, p.console)
	}
	for _, id := range p.lies {
		if slices.ContainsFunc(r.Records, func(x promise.Record) bool { return x.ID == id }) {
			p.believed++
		} else {
			p.lost++
		}
	}
	s, found := p.ledger.Judge(r, p.ledger.Len())
	p.ledger.Keep(r)
	return s, violated(found)
}

// A mishap is what happens to a disk under load. It returns when the daemon has ended.
type mishap func(ctx context.Context, wait func()) (what string, err error)

// suffer has the same happen to a patient some times, and judges after each
// what is there.
func (p *patient) suffer(ctx context.Context, t *trial, times int, happens mishap) error {
	what := ""
	for i := range times + 1 {
		began := time.Now()
		if err := p.machine.recover(ctx, p.path, p.kind, syncFlush); err != nil {
			return err
		}
		recovery := time.Since(began)
		if i > 0 {
			s, err := p.judge(ctx)
			if err != nil {
				return fmt.Errorf("%d, %s: %w", i, what, err)
			}
			t.say("%d, %s: %d promised, %d kept, %d unasked; recovery %.2fs", i, what, s.Promised, s.Kept, s.Unasked, recovery.Seconds())
		}
		if i == times {
			break
		}
		if err := p.makeTopics(ctx, p.broker, i); err != nil {
			return err
		}
		working, stop := context.WithCancel(ctx)
		wait := p.load.start(working, p.broker, p.rng)
		pause(ctx, 300*time.Millisecond+time.Duration(p.rng.Int64N(int64(1500*time.Millisecond))))
		var err error
		what, err = happens(ctx, func() { stop(); wait() })
		stop()
		wait()
		if err != nil {
			return err
		}
		// While the disk is bad still: nothing of what is in memory may reach it.
		if _, err := p.do(order.Order{Do: order.Unmount}); err != nil {
			return err
		}
		if err := p.turn(passing); err != nil {
			return err
		}
	}
	return errors.Join(p.retire(ctx), p.load.err())
}

// retire switches the machine off cleanly and has the file system checked.
func (p *patient) retire(ctx context.Context) error {
	for _, o := range []order.Order{{Do: order.Stop}, {Do: order.Unmount}, {Do: order.Remove, Name: "state"}} {
		if _, err := p.do(o); err != nil {
			return err
		}
	}
	if err := p.off(); err != nil {
		return err
	}
	return checkImage(ctx, p.image, p.kind)
}

// droppedWrites: from a moment on nothing reaches the disk, and nobody is told.
func (l *lab) droppedWrites(ctx context.Context, t *trial, kind string) error {
	p, err := l.newPatient(ctx, t, kind)
	if err != nil {
		return err
	}
	defer p.close()
	err = p.suffer(ctx, t, l.drops, func(ctx context.Context, wait func()) (string, error) {
		believed, at := p.ledger.Len(), p.now()
		if err := p.turn(dropping); err != nil {
			return "", err
		}
		from := p.ledger.Len()
		pause(ctx, time.Duration(p.rng.Int64N(int64(600*time.Millisecond))))
		for range 100 { // a busy machine may not have lied yet
			if len(p.ledger.OKBegunAfter(from)) > 0 {
				break
			}
			pause(ctx, 50*time.Millisecond)
		}
		wait()
		p.lies = p.ledger.OKBegunAfter(from)
		p.ledger.Disbelieve(believed)
		p.ledger.Cut(at)
		_, err := p.do(order.Order{Do: order.Kill})
		return fmt.Sprintf("%d OKs while writes were dropped", len(p.lies)), err
	})
	if err != nil {
		return err
	}
	t.say("of the OKs while writes were dropped %d were lies and %d true", p.lost, p.believed)
	if p.lost == 0 {
		return fmt.Errorf("none of the %d messages that were sent while writes were dropped is lost: the lab would not see a loss", p.believed)
	}
	return nil
}

// failedWrites: from a moment on writes fail. The daemon must answer no OK any
// more, and end.
func (l *lab) failedWrites(ctx context.Context, t *trial, kind string) error {
	p, err := l.newPatient(ctx, t, kind)
	if err != nil {
		return err
	}
	defer p.close()
	return p.suffer(ctx, t, l.drops, func(ctx context.Context, wait func()) (string, error) {
		at := p.now()
		if err := p.turn(failing); err != nil {
			return "", err
		}
		from, turned := p.ledger.Len(), time.Now()
		a, err := p.do(order.Order{Do: order.Ended})
		if err != nil {
			return "", fmt.Errorf("all writes fail, and the daemon goes on: %w", err)
		}
		took := time.Since(turned)
		wait()
		p.ledger.Cut(at)
		if ids := p.ledger.OKBegunAfter(from); len(ids) > 0 {
			return "", fmt.Errorf("%d messages were answered OK although all writes failed when they were sent, message %d first", len(ids), ids[0])
		}
		return fmt.Sprintf("%s %.2fs after writes failed", a.Text, took.Seconds()), nil
	})
}
