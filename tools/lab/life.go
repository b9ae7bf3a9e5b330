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

// imageSize is room for all that a life of lifeCuts cuts stores.
const imageSize = 512 << 20

// stateDevice is the state disk, as the machine sees it.
const stateDevice = "/dev/vda"

// An appliance is a machine and its disk, through power cuts.
type appliance struct {
	trial *trial
	kind  string // of its file system
	flush string
	disk  *disk
	*machine
	*load
	rng *rand.Rand

	booted, recovered time.Duration // how long the last boot and start took
}

// newAppliance makes one with an empty disk.
func (l *lab) newAppliance(ctx context.Context, t *trial, kind, cache, flush string) (*appliance, error) {
	d := &disk{image: filepath.Join(t.dir, "state.img"), socket: filepath.Join(t.dir, "nbd"), cache: cache, log: filepath.Join(t.dir, "nbdkit.log")}
	if err := makeImage(ctx, d.image, kind, imageSize); err != nil {
		return nil, err
	}
	m, err := newMachine(l, t.dir, d.drive())
	if err != nil {
		return nil, err
	}
	load, err := newLoad(t.dir)
	if err != nil {
		return nil, err
	}
	return &appliance{trial: t, kind: kind, flush: flush, disk: d, machine: m, load: load, rng: rand.New(rand.NewPCG(t.seed, 2))}, nil
}

// close ends whatever still runs.
func (a *appliance) close() {
	a.machine.close()
	if a.disk.proc != nil {
		a.disk.proc.kill()
	}
	a.load.close()
}

// boot switches it on and waits until it takes orders.
func (a *appliance) boot(ctx context.Context) error {
	began := time.Now()
	if err := a.disk.power(ctx); err != nil {
		return err
	}
	if err := a.machine.power(); err != nil {
		return err
	}
	err := a.machine.await(ctx)
	a.booted = time.Since(began)
	return err
}

// recover starts the daemon and waits until it serves.
func (a *appliance) recover(ctx context.Context) error {
	began := time.Now()
	err := a.machine.recover(ctx, stateDevice, a.kind, a.flush)
	a.recovered = time.Since(began)
	return err
}

// cutPower takes the power away as the plan says.
func (a *appliance) cutPower(ctx context.Context, c cut) error {
	if c.when == booting {
		done := make(chan struct{})
		go func() {
			a.startDaemon(stateDevice, a.kind, a.flush) // power goes meanwhile
			close(done)
		}()
		pause(ctx, c.after)
		err := a.machine.cut(a.disk)
		<-done
		return err
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	wait := a.load.start(working, a.broker, a.rng)
	pause(ctx, c.after)
	at := a.now()
	err := a.machine.cut(a.disk)
	stop()
	wait()
	a.ledger.Cut(at) // now that all that clients learned before it is noted
	return err
}

// judge reads all that is there and compares it with the ledger.
func (a *appliance) judge(ctx context.Context) (s promise.Summary, found []promise.Violation, err error) {
	r, err := a.load.read(ctx, a.broker)
	if err != nil {
		return s, nil, fmt.Errorf("read everything after a cut: %w; see %s", err, a.console)
	}
	s, found = a.ledger.Judge(r, a.ledger.Len())
	a.ledger.Keep(r)
	return s, found, nil
}

// life cuts an appliance's power again and again.
func (l *lab) life(ctx context.Context, t *trial, kind string, cuts int) error {
	a, err := l.newAppliance(ctx, t, kind, volatile, syncFlush)
	if err != nil {
		return err
	}
	defer a.close()
	var before string
	for i, c := range append(planCuts(t.seed, cuts), cut{}) {
		if err := a.boot(ctx); err != nil {
			return err
		}
		if c.when != booting {
			if err := a.recover(ctx); err != nil {
				return err
			}
			if i > 0 {
				s, found, err := a.judge(ctx)
				if err = errors.Join(err, violated(found)); err != nil {
					return fmt.Errorf("after %s: %w", before, err)
				}
				t.say("%-22s %5d promised, %5d kept, %d unasked; boot %.1fs, recovery %.2fs", before+":", s.Promised, s.Kept, s.Unasked, a.booted.Seconds(), a.recovered.Seconds())
			}
			if i == cuts {
				break
			}
			if err := a.makeTopics(ctx, a.broker, i); err != nil {
				return err
			}
		}
		if err := a.cutPower(ctx, c); err != nil {
			return err
		}
		if err := checkCut(ctx, a.disk.image, kind); err != nil {
			return fmt.Errorf("cut %d: %w", i+1, err)
		}
		before = fmt.Sprintf("cut %d (%s %dms)", i+1, c.when, c.after.Milliseconds())
	}
	return errors.Join(a.retire(ctx), a.load.err())
}

// retire switches it off cleanly and has the file system checked.
func (a *appliance) retire(ctx context.Context) error {
	for _, o := range []string{order.Stop, order.Unmount} {
		if _, err := a.do(order.Order{Do: o}); err != nil {
			return err
		}
	}
	if err := a.off(); err != nil {
		return err
	}
	a.disk.proc.kill() // unmounting has flushed
	return checkImage(ctx, a.disk.image, a.kind)
}

// twin cuts the power of an appliance that breaks its promise. It fails if that
// is not noticed.
func (l *lab) twin(ctx context.Context, t *trial, kind, cache, flush string) error {
	a, err := l.newAppliance(ctx, t, kind, cache, flush)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.boot(ctx); err != nil {
		return err
	}
	if err := a.recover(ctx); err != nil {
		return err
	}
	if err := a.makeTopics(ctx, a.broker, 0); err != nil {
		return err
	}
	if err := a.cutPower(ctx, cut{underLoad, 2 * time.Second}); err != nil {
		return err
	}
	if err := a.boot(ctx); err != nil {
		return err
	}
	if err := a.recover(ctx); err != nil {
		return err
	}
	s, found, err := a.judge(ctx)
	if err != nil {
		return err
	}
	lost := 0
	for _, v := range found {
		if v.Rule == promise.Lost {
			lost++
		}
	}
	t.say("%d promised, %d lost, as it must be; boot %.1fs, recovery %.2fs", s.Promised, lost, a.booted.Seconds(), a.recovered.Seconds())
	if lost == 0 {
		return fmt.Errorf("a power cut lost none of %d promises of an appliance that cannot keep them: the lab would not see a loss", s.Promised)
	}
	return nil
}
