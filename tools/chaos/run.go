package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"pairmq/tools/chaos/check"
)

// What a run keeps back of its time for the end, and what the pair must keep to.
const (
	endTime  = 7 * time.Second
	healTime = 20 * time.Second
	mostRSS  = 96 << 20
	mostFDs  = 200
)

// A run is one mode's share of the time.
type run struct {
	args
	mode check.Mode
	seed uint64
	dir  string
	lan  *lan
	*rig
	done map[string]int // steps, by kind
	last int            // the broker that is master in the end
}

// A verdict is what a run came to.
type verdict struct {
	mode       check.Mode
	seed       uint64
	took       time.Duration
	summary    check.Summary
	violations []string
	done       map[string]int
	events     map[string]int
	final      check.Final
}

// judge runs the mode and checks what became of it. It fails where that could not be done.
func (r *run) judge(ctx context.Context, share time.Duration) (verdict, error) {
	v := verdict{mode: r.mode, seed: r.seed, events: map[string]int{}}
	rig, err := newRig(ctx, r.lan, r.args, r.mode, r.dir)
	if err != nil {
		return v, err
	}
	r.rig, r.done = rig, map[string]int{}
	err = r.live(share)
	if err == nil {
		err = ctx.Err()
	}
	if err = errors.Join(err, r.stopBrokers()); err != nil {
		return v, errors.Join(err, r.close())
	}
	if err := r.close(); err != nil {
		return v, err
	}
	v.took = time.Since(r.began)
	h, err := r.record.History()
	if err != nil {
		return v, err
	}
	var logs [2]check.Log
	for i := range logs {
		if logs[i], err = check.ReadLog(storeOf(r.dir, i), nameOf(i), topic, segment); err != nil {
			return v, err
		}
	}
	logs[r.last].Master = true
	summary, found := check.Check(h, logs[0], logs[1], check.Bounds{Heal: healTime, RSS: mostRSS, Files: mostFDs})
	v.summary, v.done, v.final, v.violations = summary, r.done, h.Final, r.troubles
	for _, f := range found {
		v.violations = append(v.violations, f.String())
	}
	for _, e := range h.Events {
		v.events[e.Kind]++
	}
	return v, nil
}

// live has clients work while the pair is mistreated, then leaves it alone and
// has everything read once more.
func (r *run) live(share time.Duration) error {
	faults := time.Now().Add(share - endTime - time.Since(r.began))
	work, stop := context.WithCancel(r.ctx)
	defer stop()
	sending, stopSending := context.WithCancel(work)
	defer stopSending()
	var senders, readers, watcher sync.WaitGroup
	rng := rand.New(rand.NewPCG(r.seed, 5))
	for i := range producers {
		p := &producer{run: r, number: i, caller: newCaller(), rng: rand.New(rand.NewPCG(rng.Uint64(), 6))}
		senders.Go(func() { p.work(sending) })
	}
	var all []*consumer
	for i := range consumers {
		for q := range int32(queues) {
			c := &consumer{run: r, number: i, queue: q, caller: newCaller(), broker: i % 2, rng: rand.New(rand.NewPCG(rng.Uint64(), 7))}
			all = append(all, c)
			readers.Go(func() { c.work(work) })
		}
	}
	watcher.Go(func() { r.watch(work) })
	defer func() { stop(); senders.Wait(); readers.Wait(); watcher.Wait() }()

	if err := r.acquainted(); err != nil {
		return err
	}
	if err := r.mistreat(faults); err != nil {
		return err
	}
	f, err := r.heal(func() { stopSending(); senders.Wait() })
	if err != nil {
		return err
	}
	stop()
	readers.Wait()
	watcher.Wait()
	r.drain(all)
	for _, b := range r.brokers {
		rss, files := b.needs()
		f.MostRSS, f.MostFiles = max(f.MostRSS, rss), max(f.MostFiles, files)
	}
	r.record.Final(f)
	return nil
}

// acquainted waits until the slave has some of its master's log. If it had none when
// it was promoted, nothing in the logs would show that they belong together, and a
// person would have to move a store away.
func (r *run) acquainted() error {
	ctx, cancel := context.WithTimeout(r.ctx, startTime)
	defer cancel()
	return r.await(ctx, func() error {
		if s := r.caller.status(ctx, 1); s.end == 0 {
			return fmt.Errorf("the slave has nothing: %s", s.text)
		}
		return nil
	})
}

// mistreat does one thing after the other to the pair until the time has come.
func (r *run) mistreat(until time.Time) error {
	plan, do := newPlanner(r.seed), kinds()
	for time.Now().Before(until) && r.ctx.Err() == nil {
		s := plan.next()
		r.note("%s, broker %s, %v", s.kind, nameOf(s.broker), s.span)
		if err := do[s.kind](r.rig, s); err != nil {
			return fmt.Errorf("%s: %w", s.kind, err)
		}
		r.done[s.kind]++
		pause(r.ctx, s.rest)
	}
	return nil
}

// heal ends all faults and waits until the pair is one again. quiet stops those who send.
func (r *run) heal(quiet func()) (f check.Final, err error) {
	began := time.Now()
	r.note("left alone")
	for _, b := range r.brokers {
		if err := b.start(); err != nil {
			return f, err
		}
	}
	if err := r.settle(healTime); err != nil {
		return f, err
	}
	f.Sends = r.sends(healTime - time.Since(began))
	quiet()
	var all [2]status
	for {
		all = r.caller.both(r.ctx)
		f.Masters, f.Slaves, f.Behind = 0, 0, all[0].end-all[1].end
		for i, s := range all {
			switch {
			case s.up && s.master:
				r.last = i
				f.Masters++
			case s.up && s.connected:
				f.Slaves++
			}
		}
		if f.Masters == 1 && f.Slaves == 1 && f.Behind == 0 || time.Since(began) > healTime || r.ctx.Err() != nil {
			break
		}
		pause(r.ctx, lookEvery)
	}
	f.HealNanos = time.Since(began).Nanoseconds()
	r.note("healed in %v: a is %s; b is %s", time.Since(began).Round(time.Millisecond), all[0].text, all[1].text)
	return f, nil
}

// sends says whether the pair answers OK to a message within a time.
func (r *run) sends(limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	defer cancel()
	p := &producer{run: r, number: producers, caller: newCaller()}
	defer p.caller.Close()
	for ctx.Err() == nil {
		if p.send(r.ids.Add(1)) == check.OK {
			return true
		}
		p.broker = 1 - p.broker
		pause(ctx, lookEvery)
	}
	return false
}

// drain has all consumers read on to the end, one of them from the slave, and
// two more everything from the beginning, of the master and of the slave.
func (r *run) drain(all []*consumer) {
	for i := range 2 {
		for q := range int32(queues) {
			all = append(all, &consumer{run: r, number: consumers + i, queue: q, caller: newCaller()})
		}
	}
	var work sync.WaitGroup
	for _, c := range all {
		work.Go(func() {
			if err := c.drain(r.ctx, (r.last+c.number)%2); err != nil {
				r.trouble("%v", err)
			}
		})
	}
	work.Wait()
}

// watch takes note of what the brokers need.
func (r *run) watch(ctx context.Context) {
	for ctx.Err() == nil {
		for _, b := range r.brokers {
			b.look()
		}
		pause(ctx, 300*time.Millisecond)
	}
}

// sortedKinds are the kinds of steps in a fixed order.
func sortedKinds() []string { return slices.Sorted(maps.Keys(kinds())) }

// String is a verdict in figures.
func (v verdict) String() string {
	s, steps := v.summary, 0
	for _, n := range v.done {
		steps += n
	}
	word := "ok"
	if len(v.violations) > 0 {
		word = fmt.Sprintf("%d VIOLATIONS", len(v.violations))
	}
	text := fmt.Sprintf("%s seed %d: %s, %v, %d faults of %d kinds, %d kills, %d promotions, %d hand-overs\n", v.mode, v.seed, word, v.took.Round(time.Second),
		steps, len(v.done), v.events[check.Kill], v.events[check.Promoted], v.events[check.Handed])
	text += fmt.Sprintf("  sends %d: OK %d, stored %d, unknown %d, refused %d; deliveries %d; twice in the log %d; set aside behind a promotion %d of OK, %d delivered\n",
		s.Sent, s.OK, s.Stored, s.Unknown, s.Refused, s.Delivered, s.Duplicates, s.Quarantined, s.Vanished)
	text += fmt.Sprintf("  healed in %v; at most %d MiB, %d files", time.Duration(v.final.HealNanos).Round(time.Millisecond), v.final.MostRSS>>20, v.final.MostFiles)
	for i, x := range v.violations {
		if i == 20 {
			text += fmt.Sprintf("\n  and %d more", len(v.violations)-i)
			break
		}
		text += "\n  " + strings.TrimSpace(x)
	}
	return text
}
