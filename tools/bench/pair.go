package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pairmq/tools/loadgen"
)

// pairs measures all cells of pairs, each pair alone. As in the other cells,
// another target is the first in each round.
func (r *runner) pairs(ctx context.Context) error {
	if !r.cfg.wantsSuch(isPair) {
		return nil
	}
	var failed []error
	if r.cfg.measures(limit) {
		failed = append(failed, r.bareCopies(ctx))
	}
	for _, flush := range flushes() {
		for _, role := range roles() {
			for i := range r.targets {
				t, ok := r.targets[(i+r.round-1)%len(r.targets)].(pairTarget)
				if !ok || !r.wantsPair(flush, role) {
					continue
				}
				if err := ctx.Err(); err != nil {
					return errors.Join(append(failed, err)...)
				}
				if err := r.pair(ctx, t, flush, role); err != nil {
					failed = append(failed, fmt.Errorf("pair of %s, %s, %s, round %d: %w", t.name(), flush, role, r.round, err))
				}
			}
		}
	}
	return errors.Join(failed...)
}

// wantsPair tells whether a pair of that kind has anything to measure: copying
// belongs to ASYNC_MASTER.
func (r *runner) wantsPair(flush, role string) bool {
	return r.cfg.wants(pairSendCell(flush, role)) || role == asyncMaster && r.cfg.wants(copyCell(flush))
}

// A pairPhase is the life of a pair, from two empty stores to its end.
type pairPhase struct {
	phase  // of the master
	target pairTarget
	role   string
	slave  *broker // nil while it is stopped
	slaved string  // its folder
}

func (r *runner) pair(ctx context.Context, t pairTarget, flush, role string) error {
	return r.inFolder(fmt.Sprintf("pair-%s-%s-%s-%d", t.name(), flush, role, r.round), func(dir string) error {
		master := dir + "/master"
		b, err := t.startMaster(ctx, master, flush, role)
		if err != nil {
			return fmt.Errorf("master: %w", err)
		}
		p := &pairPhase{phase: phase{runner: r, target: t, broker: b, flush: flush, dir: master}, target: t, role: role, slaved: dir + "/slave"}
		return errors.Join(p.run(ctx), p.stopSlave(), b.stop())
	})
}

func (p *pairPhase) run(ctx context.Context) error {
	if err := p.join(ctx); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	if err := p.heat(ctx); err != nil {
		return fmt.Errorf("first load: %w", err)
	}
	if _, err := p.caughtUp(ctx); err != nil {
		return err
	}
	var failed []error
	if p.cfg.wants(pairSendCell(p.flush, p.role)) {
		failed = append(failed, p.sendOne(ctx))
	}
	if p.role == asyncMaster && p.cfg.wants(copyCell(p.flush)) {
		failed = append(failed, p.copy(ctx))
	}
	return errors.Join(failed...)
}

func (p *pairPhase) stopSlave() error {
	if p.slave == nil {
		return nil
	}
	err := p.slave.stop()
	p.slave = nil
	return err
}

func (p *pairPhase) startSlave(ctx context.Context) (err error) {
	if p.slave, err = p.target.startSlave(ctx, p.slaved, p.flush); err != nil {
		return fmt.Errorf("slave: %w", err)
	}
	return nil
}

// joinTime is how long a slave may take to find its master, and to catch up.
const joinTime = 3 * time.Minute

// join starts the slave and waits until it copies: it has all of a log that is
// not empty. It joins an empty one, because an Apache slave that has nothing is
// sent no more than the last segment.
func (p *pairPhase) join(ctx context.Context) error {
	if err := p.startSlave(ctx); err != nil {
		return err
	}
	const topic = "BenchJoin"
	if err := loadgen.CreateTopic(ctx, p.loadTarget(), topic, queues); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for {
		o := p.sendOptions(topic, pairSize, 1)
		o.Count, o.Duration = 1, time.Minute
		if _, err := loadgen.Send(ctx, o); err != nil { // however it is answered: some store nothing without a slave
			return err
		}
		master, err := logEnd(ctx, p.broker.addr, nil)
		if err != nil {
			return err
		}
		slave, err := logEnd(ctx, p.slave.addr, nil)
		if err != nil || slave.end > 0 && slave.end >= master.end {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the slave is at %d of %d bytes: %w; see %s", slave.end, master.end, ctx.Err(), p.slave.process.Log)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// sendOne measures sends with one in flight.
func (p *pairPhase) sendOne(ctx context.Context) error {
	cell := pairSendCell(p.flush, p.role)
	const topic = "BenchPair"
	if err := loadgen.CreateTopic(ctx, p.loadTarget(), topic, queues); err != nil {
		return fmt.Errorf("%s: %w", cell, err)
	}
	if err := p.sync(); err != nil {
		return fmt.Errorf("%s: %w", cell, err)
	}
	o := p.sendOptions(topic, pairSize, 1)
	o.Warmup, o.Duration = p.cfg.seconds/5, p.cfg.seconds
	return p.watched(cell, func() (loadgen.Result, error) { return loadgen.Send(ctx, o) })
}

// watched is measure, and notes what others took meanwhile.
func (p *pairPhase) watched(cell string, load func() (loadgen.Result, error)) error {
	w, err := startWatch(p.cpu)
	if err != nil {
		return fmt.Errorf("%s: %w", cell, err)
	}
	more := make(map[string]float64)
	return p.measure(cell, func() (loadgen.Result, error) {
		r, err := load()
		others, werr := w.others()
		more[metricOthers] = others
		return r, errors.Join(err, werr)
	}, more)
}

// cpu is the processor time of the pair, its name server and this process.
func (p *pairPhase) cpu() (time.Duration, error) {
	sum, err := p.phase.cpu()
	if p.slave != nil {
		used, perr := p.slave.process.cpu()
		sum, err = sum+used, errors.Join(err, perr)
	}
	return sum, err
}

// copy measures how fast a slave has what was written while it was stopped.
// Time counts from the last look at which nothing had come yet, so that how long
// a process takes to start and to find its master does not.
func (p *pairPhase) copy(ctx context.Context) error {
	cell := copyCell(p.flush)
	begin, err := logEnd(ctx, p.broker.addr, nil)
	if err == nil {
		err = p.stopSlave()
	}
	if err == nil {
		err = p.write(ctx, begin.end+p.cfg.copied)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", cell, err)
	}
	v, err := p.follow(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", cell, err)
	}
	p.note(sample{Target: p.target.name(), Cell: cell, Values: v})
	return nil
}

// follow starts the slave and waits until it has all.
func (p *pairPhase) follow(ctx context.Context) (map[string]float64, error) {
	if err := p.sync(); err != nil {
		return nil, err
	}
	w, err := startWatch(p.cpu)
	if err != nil {
		return nil, err
	}
	if err := p.startSlave(ctx); err != nil {
		return nil, err
	}
	v, err := p.caughtUp(ctx)
	if err != nil {
		return nil, err
	}
	v[metricOthers], err = w.others()
	return v, err
}

// write lets the master's log grow to end.
func (p *pairPhase) write(ctx context.Context, end int64) error {
	const topic = "BenchCopy"
	if err := loadgen.CreateTopic(ctx, p.loadTarget(), topic, queues); err != nil {
		return err
	}
	for {
		l, err := logEnd(ctx, p.broker.addr, nil)
		if err != nil || l.end >= end {
			return err
		}
		o := p.sendOptions(topic, pairSize, 256)
		o.Count, o.Duration = max(256, (end-l.end)/(pairSize+recordOverhead)), 10*time.Minute
		if _, err := loadgen.Send(ctx, o); err != nil {
			return fmt.Errorf("fill the master's log: %w", err)
		}
	}
}

// caughtUp waits until the slave has all of the master's log and has indexed it,
// and returns how fast that came.
func (p *pairPhase) caughtUp(ctx context.Context) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	var all, first, now logState
	v := map[string]float64{}
	for {
		var err error
		if now, err = logEnd(ctx, p.slave.addr, nil); err == nil && (all.end == 0 || now.end >= all.end) {
			all, err = logEnd(ctx, p.broker.addr, nil)
		}
		if err != nil {
			return nil, fmt.Errorf("how far the logs reach: %w", err)
		}
		if first.at.IsZero() || now.end == first.end {
			first = now
		}
		if now.end >= all.end && all.end > 0 {
			rate := float64(now.end-first.end) / max(now.at.Sub(first.at).Seconds(), 1e-6)
			if _, ok := v[metricBytes]; !ok {
				v[metricBytes] = rate
			}
			if now.behind == 0 {
				v[metricIndexed] = rate
				return v, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the slave is at %d of %d bytes, %d of them not indexed: %w; see %s", now.end, all.end, now.behind, ctx.Err(), p.slave.process.Log)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
