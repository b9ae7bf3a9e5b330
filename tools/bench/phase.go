package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"pairmq/tools/loadgen"
)

// A phase is the life of one broker, from an empty store to its end.
type phase struct {
	*runner
	target target
	broker *broker
	flush  string
	dir    string
}

func (p *phase) run(ctx context.Context) error {
	if p.flush == asyncFlush {
		if p.cfg.wants(cellStartEmpty) {
			p.note(sample{Target: p.target.name(), Cell: cellStartEmpty, Values: map[string]float64{metricMillis: millis(p.broker.ready)}})
		}
		if err := p.memory(ctx, cellMemoryIdle, p.cfg.settle); err != nil {
			return err
		}
	}
	var failed []error
	if p.loads() {
		if err := p.heat(ctx); err != nil {
			return fmt.Errorf("first load: %w", err)
		}
		for _, size := range sizes() {
			for _, n := range inFlights() {
				failed = append(failed, p.send(ctx, size, n))
			}
		}
	}
	if p.flush == asyncFlush {
		for _, size := range sizes() {
			failed = append(failed, p.pull(ctx, size))
		}
		failed = append(failed, p.memory(ctx, cellMemoryLoaded, 0), p.restart(ctx))
	}
	return errors.Join(failed...)
}

// loads tells whether any cell of this phase needs load before it.
func (p *phase) loads() bool {
	for _, cell := range allCells() {
		if cell != cellStartEmpty && cell != cellMemoryIdle && p.cfg.wants(cell) && phaseOf(cell) == p.flush {
			return true
		}
	}
	return false
}

func (p *phase) loadTarget() loadgen.Target { return loadgen.Target{Addr: p.broker.addr} }

func (p *phase) sendOptions(topic string, size, inFlight int) loadgen.SendOptions {
	return loadgen.SendOptions{
		Target: p.loadTarget(), Topic: topic, Queues: queues, Size: size, InFlight: inFlight, Conns: min(p.cfg.conns, inFlight),
	}
}

// heat loads the broker without counting, so that no cell pays for what is
// only done once: loading classes, compiling, making the first segments.
func (p *phase) heat(ctx context.Context) error {
	if p.cfg.heat == 0 {
		return nil
	}
	if err := loadgen.CreateTopic(ctx, p.loadTarget(), "BenchHeat", queues); err != nil {
		return err
	}
	o := p.sendOptions("BenchHeat", 1024, 64)
	o.Duration = p.cfg.heat
	_, err := loadgen.Send(ctx, o)
	if errors.Is(err, loadgen.ErrNothingCounted) {
		return nil
	}
	return err
}

// send measures one cell of sends.
func (p *phase) send(ctx context.Context, size, inFlight int) error {
	cell := sendCell(p.flush, size, inFlight)
	if !p.cfg.wants(cell) {
		return nil
	}
	topic := fmt.Sprintf("BenchSend_%d_%d", size, inFlight)
	if err := loadgen.CreateTopic(ctx, p.loadTarget(), topic, queues); err != nil {
		return fmt.Errorf("%s: %w", cell, err)
	}
	if err := p.sync(); err != nil {
		return fmt.Errorf("%s: %w", cell, err)
	}
	o := p.sendOptions(topic, size, inFlight)
	o.Warmup, o.Duration = p.cfg.seconds/5, p.cfg.seconds
	return p.measure(cell, func() (loadgen.Result, error) { return loadgen.Send(ctx, o) }, nil)
}

// pull measures one cell of pulls, on a topic filled for it.
func (p *phase) pull(ctx context.Context, size int) error {
	cell := pullCell(size)
	if !p.cfg.wants(cell) {
		return nil
	}
	topic := fmt.Sprintf("BenchPull_%d", size)
	if err := p.fill(ctx, topic, size); err != nil {
		return fmt.Errorf("%s: fill the topic: %w", cell, err)
	}
	if err := p.sync(); err != nil {
		return fmt.Errorf("%s: %w", cell, err)
	}
	return p.measure(cell, func() (loadgen.Result, error) {
		return loadgen.Pull(ctx, loadgen.PullOptions{
			Target: p.loadTarget(), Topic: topic, Queues: queues, Conns: p.cfg.conns, Again: true,
			Bounds: loadgen.Bounds{Warmup: p.cfg.seconds / 5, Duration: p.cfg.seconds},
		})
	}, nil)
}

// fill sends what a pull cell drains and waits until consumers can have it.
func (p *phase) fill(ctx context.Context, topic string, size int) error {
	if err := loadgen.CreateTopic(ctx, p.loadTarget(), topic, queues); err != nil {
		return err
	}
	o := p.sendOptions(topic, size, 64)
	o.Count, o.Duration = pullCount(size), 5*time.Minute
	sent, err := loadgen.Send(ctx, o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		n, err := loadgen.Stored(ctx, p.loadTarget(), topic, queues)
		if err != nil || n >= sent.TotalMessages {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages that were acknowledged can be pulled: %w", n, sent.TotalMessages, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// measure runs one load and notes what it gave, and what it took of the
// broker's processor time; more is what else is known of the cell.
func (p *phase) measure(cell string, load func() (loadgen.Result, error), more map[string]float64) error {
	before, err := p.broker.process.cpu()
	if err != nil {
		return fmt.Errorf("%s: %w", cell, err)
	}
	r, loadErr := load()
	after, err := p.broker.process.cpu()
	s := sample{Target: p.target.name(), Cell: cell, Values: resultValues(r)}
	maps.Copy(s.Values, more)
	if err == nil && r.TotalMessages > 0 {
		s.Values[metricCPU] = micros(after-before) / float64(r.TotalMessages)
	}
	if loadErr != nil {
		s.Error = loadErr.Error()
		loadErr = fmt.Errorf("%s: %w", cell, loadErr)
	}
	p.note(s)
	return errors.Join(loadErr, err)
}

// memory notes what the broker holds once it was left alone for so long.
func (p *phase) memory(ctx context.Context, cell string, alone time.Duration) error {
	if !p.cfg.wants(cell) {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(alone):
	}
	m, err := p.broker.process.memory()
	if err != nil {
		return fmt.Errorf("%s: %w", cell, err)
	}
	values := map[string]float64{metricRSS: m.rss, metricHWM: m.hwm, metricAnon: m.anon}
	if ns := p.broker.namesrv; ns != nil {
		m, err := ns.memory()
		if err != nil {
			return fmt.Errorf("%s: name server: %w", cell, err)
		}
		values[metricNamesrvRSS] = m.rss
	}
	p.note(sample{Target: p.target.name(), Cell: cell, Values: values})
	return nil
}

// restart measures a start on the store that the phase has filled.
func (p *phase) restart(ctx context.Context) error {
	if !p.cfg.wants(cellStartStored) {
		return nil
	}
	if err := p.broker.stop(); err != nil {
		return fmt.Errorf("%s: %w", cellStartStored, err)
	}
	b, err := p.target.start(ctx, p.dir, p.flush)
	if err != nil {
		return fmt.Errorf("%s: %w", cellStartStored, err)
	}
	p.broker = b
	p.note(sample{Target: p.target.name(), Cell: cellStartStored, Values: map[string]float64{metricMillis: millis(b.ready)}})
	return nil
}

// cpu is the processor time of the broker, its name server and this process.
func (p *phase) cpu() (time.Duration, error) {
	sum, err := selfCPU()
	for _, process := range []*process{p.broker.process, p.broker.namesrv} {
		if process == nil {
			continue
		}
		used, perr := process.cpu()
		sum, err = sum+used, errors.Join(err, perr)
	}
	return sum, err
}

// resultValues picks from a load's result what a sample keeps.
func resultValues(r loadgen.Result) map[string]float64 {
	var refused int64
	for code, n := range r.Codes {
		if code != 0 && !isEndOfQueue(code) {
			refused += n
		}
	}
	return map[string]float64{
		metricRate: r.Rate(), metricBytes: r.Throughput(), metricErrors: float64(refused + r.Unanswered),
		metricP50: micros(r.P50), metricP99: micros(r.P99), metricP999: micros(r.P999), metricMax: micros(r.Max),
	}
}

// isEndOfQueue tells whether a pull was answered with "no more", which is no
// refusal: codes 19, 20 and 21, which no send is answered with.
func isEndOfQueue(code int32) bool { return 19 <= code && code <= 21 }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
