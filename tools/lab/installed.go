package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"pairmq/tools/lab/promise"
)

// An installed is a system with the package and a state disk, and its clients
// outside, through power cuts.
type installed struct {
	*system
	clients *load
	rng     *rand.Rand
	kind    string // of the state's file system
}

// settings are the daemon's for a load: see daemonArgs.
func settings(flush string) []string {
	lines := []string{"brokerName=lab", "brokerIP1=10.0.2.15", "maxMessageSize=65536"}
	if flush == lazyFlush {
		return append(lines, "mappedFileSizeCommitLog=16m", "flushDiskType=ASYNC_FLUSH", "topicFlush=*:lazy")
	}
	return append(lines, "mappedFileSizeCommitLog=1m", "flushDiskType="+flush)
}

// labAdmins lets this host, as qemu shows it, make topics. The package that is upgraded from does not know the key.
const labAdmins = "adminAddresses=10.0.2.2"

// newInstalled boots a system with a state disk and installs the package from a folder.
// It serves when this returns.
func (l *lab) newInstalled(ctx context.Context, t *trial, d debian, dir, kind, cache string, debs map[string]string, lines ...string) (*installed, error) {
	files := map[string]string{}
	for name, folder := range debs {
		deb, err := onePackage(folder, d.name)
		if err != nil {
			return nil, err
		}
		files[name] = deb
	}
	s, err := newSystem(ctx, d, dir, kind, cache, files)
	if err != nil {
		return nil, err
	}
	i := &installed{system: s, kind: kind, rng: rand.New(rand.NewPCG(t.seed, 6))}
	if i.clients, err = newLoad(dir); err != nil {
		return nil, err
	}
	if err := i.install(ctx, lines); err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

// install prepares the state's disk and installs the package.
func (i *installed) install(ctx context.Context, lines []string) error {
	if err := i.boot(ctx); err != nil {
		return err
	}
	if err := errors.Join(i.giveState(i.kind), i.configure(lines...)); err != nil {
		return err
	}
	if _, err := i.run(installing("pairmq.deb") + " && sync"); err != nil {
		return err
	}
	return i.serve(ctx)
}

// close ends whatever still runs.
func (i *installed) close() {
	i.system.close()
	i.clients.close()
}

// cutUnderLoad has clients work, and takes the power away meanwhile.
func (i *installed) cutUnderLoad(ctx context.Context, after time.Duration) error {
	working, stop := context.WithCancel(ctx)
	defer stop()
	wait := i.clients.start(working, i.broker, i.rng)
	for begun := i.clients.ledger.OKs(); i.clients.ledger.OKs() == begun && working.Err() == nil; {
		pause(ctx, 5*time.Millisecond) // an emulated machine on a busy host may need its time for the first answer
	}
	pause(ctx, after)
	at := i.clients.now()
	err := i.cut()
	stop()
	wait()
	i.clients.ledger.Cut(at)
	return err
}

// installedCuts cuts the power of an appliance with the package again and again.
func (l *lab) installedCuts(ctx context.Context, t *trial, d debian, kind string, overlay bool, cuts int) error {
	i, err := l.newInstalled(ctx, t, d, t.dir, kind, volatile, map[string]string{"pairmq.deb": l.debs}, append(settings(syncFlush), labAdmins)...)
	if err != nil {
		return err
	}
	defer i.close()
	if overlay {
		if err := i.off(); err != nil {
			return err
		}
		i.overlay = true
		if err := errors.Join(i.boot(ctx), i.serve(ctx)); err != nil {
			return err
		}
		if _, err := i.run("grep -q ' / overlay ' /proc/mounts"); err != nil {
			return err
		}
	}
	for n := range cuts {
		if err := i.clients.makeTopics(ctx, i.broker, n); err != nil {
			return err
		}
		after := 300*time.Millisecond + time.Duration(i.rng.Int64N(int64(2700*time.Millisecond)))
		if err := i.cutUnderLoad(ctx, after); err != nil {
			return err
		}
		if err := checkCut(ctx, i.state.image, kind); err != nil {
			return fmt.Errorf("cut %d: %w", n+1, err)
		}
		if err := i.boot(ctx); err != nil {
			return fmt.Errorf("cut %d: %w", n+1, err)
		}
		if err := i.stillThere(ctx, t, i.clients, fmt.Sprintf("cut %d (%dms), booted in %.1fs", n+1, after.Milliseconds(), i.booted.Seconds())); err != nil {
			return err
		}
	}
	t.tally = fmt.Sprintf("%d cuts, %s", cuts, t.tally)
	if err := i.off(); err != nil {
		return err
	}
	return errors.Join(checkImage(ctx, i.state.image, kind), i.clients.err())
}

// installedTwin cuts the power of one that breaks its promise. It fails if that is not noticed.
func (l *lab) installedTwin(ctx context.Context, t *trial, d debian, cache, flush string) error {
	i, err := l.newInstalled(ctx, t, d, t.dir, "ext4", cache, map[string]string{"pairmq.deb": l.debs}, append(settings(flush), labAdmins)...)
	if err != nil {
		return err
	}
	defer i.close()
	if err := i.clients.makeTopics(ctx, i.broker, 0); err != nil {
		return err
	}
	if err := i.cutUnderLoad(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := errors.Join(i.boot(ctx), i.serve(ctx)); err != nil {
		return err
	}
	s, found, err := i.judge(ctx, i.clients)
	if err != nil {
		return err
	}
	lost := 0
	for _, v := range found {
		if v.Rule == promise.Lost {
			lost++
		}
	}
	t.tally = fmt.Sprintf("%d promised, %d lost", s.Promised, lost)
	t.say("%s, as it must be", t.tally)
	if lost == 0 {
		return fmt.Errorf("a power cut lost none of %d promises of an appliance that cannot keep them: the lab would not see a loss", s.Promised)
	}
	return nil
}
