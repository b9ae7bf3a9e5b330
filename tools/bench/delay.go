package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"pairmq/tools/harness"
	"pairmq/tools/loadgen"
)

// Cells of delayed messages are called delay/quiet/level1: what else goes on, and
// how the messages are delayed.
const (
	delayPrefix = "delay/"
	quiet       = "quiet" // nothing
	busy        = "busy"  // ordinary messages are sent
	kindTimer   = "timer"
)

// Load of the cells of delayed messages.
const (
	delayCount  = 2000 // messages of each kind
	besideRate  = 2000 // ordinary messages a second where the broker is busy
	topicBeside = "BenchBeside"
)

// Metrics of delayed messages. The others are of their lateness, which for an early
// one is negative.
const (
	metricMin   = "minMicros"
	metricEarly = "early" // messages
	metricTwice = "twice" // messages that came twice or more often
	metricNever = "never" // messages
)

func delayCell(what, kind string) string { return delayPrefix + what + "/" + kind }

func isDelay(cell string) bool { return strings.HasPrefix(cell, delayPrefix) }

// delayLoads are the kinds of messages that wait side by side.
func delayLoads() [][]delayKind {
	return [][]delayKind{
		{level(1, time.Second), level(2, 5*time.Second), level(3, 10*time.Second)},
		{timer(1000, 10_000)},
	}
}

func delayCells() (all []string) {
	for _, what := range []string{quiet, busy} {
		for _, kinds := range delayLoads() {
			for _, k := range kinds {
				all = append(all, delayCell(what, k.name))
			}
		}
	}
	return all
}

// delays measures the cells of delayed messages, each broker alone. As in the other
// cells, another target is the first in each round.
func (r *runner) delays(ctx context.Context) error {
	if !r.cfg.wantsSuch(isDelay) {
		return nil
	}
	var failed []error
	for i := range r.targets {
		t := r.targets[(i+r.round-1)%len(r.targets)]
		if err := ctx.Err(); err != nil {
			return errors.Join(append(failed, err)...)
		}
		err := r.inFolder(fmt.Sprintf("delay-%s-%d", t.name(), r.round), func(dir string) error {
			b, err := t.start(ctx, dir, syncFlush)
			if err != nil {
				return err
			}
			p := &phase{runner: r, target: t, broker: b, flush: syncFlush, dir: dir}
			return errors.Join(p.delays(ctx), b.stop())
		})
		if err != nil {
			failed = append(failed, fmt.Errorf("delays of %s, round %d: %w", t.name(), r.round, err))
		}
	}
	return errors.Join(failed...)
}

func (p *phase) delays(ctx context.Context) error {
	if err := loadgen.CreateTopic(ctx, p.loadTarget(), topicBeside, queues); err != nil {
		return err
	}
	var failed []error
	for i, kinds := range delayLoads() {
		for _, what := range []string{quiet, busy} {
			load, err := p.delayLoad(ctx, kinds, what, i)
			if err == nil && len(load.kinds) > 0 {
				err = p.delay(ctx, what, load)
			}
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// delayLoad returns the load of those kinds that are wanted and that the broker takes,
// once it has had some that is not counted. Of those it refuses it takes note.
func (p *phase) delayLoad(ctx context.Context, kinds []delayKind, what string, number int) (delayLoad, error) {
	l := delayLoad{addr: p.broker.addr, topic: fmt.Sprintf("BenchDelay_%s_%d", what, number), count: delayCount, duration: p.cfg.seconds}
	for _, k := range kinds {
		if !p.cfg.wants(delayCell(what, k.name)) || k.name == kindTimer && p.target.name() == v4 { // which would not refuse it, but not delay it either
			continue
		}
		err := p.tries(ctx, k)
		if refused := (harness.Refusal{}); errors.As(err, &refused) {
			p.note(sample{Target: p.target.name(), Cell: delayCell(what, k.name), Error: "not supported: " + refused.Error()})
			continue
		}
		if err != nil {
			return l, err
		}
		l.kinds = append(l.kinds, k)
	}
	if len(l.kinds) == 0 {
		return l, nil
	}
	if what == busy {
		l.beside = besideRate
	} else if err := p.heatDelays(ctx, l.kinds[0], number); err != nil { // the busy load is the second of the same kinds
		return l, fmt.Errorf("first load: %w", err)
	}
	return l, loadgen.CreateTopic(ctx, p.loadTarget(), l.topic, queues)
}

// tries sends one message of a kind, to a topic that nobody looks at.
func (p *phase) tries(ctx context.Context, k delayKind) error {
	const topic = "BenchDelayTried"
	if err := loadgen.CreateTopic(ctx, p.loadTarget(), topic, queues); err != nil {
		return err
	}
	c := harness.NewClient(3*time.Second, 10*time.Second)
	defer c.Close()
	req := (delayLoad{topic: topic, kinds: []delayKind{k}}).request(newLedger(), 0, 0)
	resp, _, err := c.Try(ctx, p.broker.addr, req.Code, req.Fields, req.Body)
	if err != nil {
		return err
	}
	return harness.Refused(resp)
}

// heatDelays has the broker deliver messages of a kind that wait for a second, with
// others beside, without counting them.
func (p *phase) heatDelays(ctx context.Context, k delayKind, number int) error {
	if p.cfg.heat == 0 {
		return nil
	}
	k.longest, k.delay = time.Second, func(*rand.Rand) time.Duration { return time.Second }
	l := delayLoad{addr: p.broker.addr, topic: fmt.Sprintf("BenchDelayHeat_%d", number), kinds: []delayKind{k}, duration: p.cfg.heat, beside: besideRate}
	l.count = int(delayCount * p.cfg.heat.Seconds() / p.cfg.seconds.Seconds())
	if err := loadgen.CreateTopic(ctx, p.loadTarget(), l.topic, queues); err != nil {
		return err
	}
	_, err := l.run(ctx)
	return err
}

// delay measures the cells of one load.
func (p *phase) delay(ctx context.Context, what string, l delayLoad) error {
	if err := p.sync(); err != nil {
		return err
	}
	w, err := startWatch(p.cpu)
	if err != nil {
		return err
	}
	all, err := l.run(ctx)
	others, werr := w.others()
	failed := []error{err, werr}
	for i, k := range l.kinds {
		cell := delayCell(what, k.name)
		s := sample{Target: p.target.name(), Cell: cell, Values: all[i].values()}
		s.Values[metricOthers] = others
		if err != nil { // what was not waited for is no message that never came
			s.Values, s.Error = nil, err.Error()
		} else if broken := all[i].broken(); broken != nil && s.Target == ours {
			failed = append(failed, fmt.Errorf("%s: %w", cell, broken))
		}
		p.note(s)
	}
	return errors.Join(failed...)
}
