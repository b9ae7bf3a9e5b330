package main

import (
	"math/rand/v2"
	"syscall"
	"time"

	"pairmq/tools/chaos/check"
)

// cutFor cuts ways for a time.
func (r *rig) cutFor(d time.Duration, ways ...[]way) error {
	if err := r.lan.cut(ways...); err != nil {
		return err
	}
	pause(r.ctx, d)
	return r.lan.mend()
}

func (r *rig) partition(s step) error { return r.cutFor(s.span, between(0), between(1)) }
func (r *rig) oneway(s step) error    { return r.cutFor(s.span, between(s.broker)) }
func (r *rig) deaf(s step) error      { return r.cutFor(s.span, around(s.broker)) }
func (r *rig) isolate(s step) error {
	return r.cutFor(s.span, between(0), between(1), around(s.broker))
}

func (r *rig) flap(s step) error {
	rng := rand.New(rand.NewPCG(s.seed, 1))
	for range 3 + rng.IntN(5) {
		if err := r.cutFor(time.Duration(20+rng.IntN(300))*time.Millisecond, between(0), between(1)); err != nil {
			return err
		}
		pause(r.ctx, time.Duration(20+rng.IntN(300))*time.Millisecond)
	}
	return nil
}

// under has both relays in a weather for a time.
func (r *rig) under(w weather, d time.Duration) error {
	for _, y := range r.relays {
		y.set(w)
	}
	pause(r.ctx, d)
	for _, y := range r.relays {
		y.set(weather{})
	}
	return nil
}

func (r *rig) delay(s step) error {
	return r.under(weather{delay: time.Duration(5+s.seed%200) * time.Millisecond}, s.span)
}

func (r *rig) throttle(s step) error {
	return r.under(weather{rate: 20_000 + int(s.seed%200_000)}, s.span)
}

func (r *rig) breakOff(s step) error {
	return r.under(weather{cut: 1 + int(s.seed%60_000)}, s.span)
}

func (r *rig) lose(s step) error { return r.under(weather{lose: 1 + int(s.seed%3000)}, s.span) }

func (r *rig) halfOpen(s step) error { return r.under(weather{swallow: true}, s.span) }

func (r *rig) double(s step) error { return r.under(weather{twice: true}, s.span+time.Second) }

// kill ends a broker at once. It is written down when the broker is dead: what it
// has answered before that may be forgotten.
func (r *rig) kill(i int) {
	r.brokers[i].kill()
	r.record.Event(check.Event{Kind: check.Kill, Broker: nameOf(i), At: r.now()})
}

// killFor kills brokers and starts them again after a time.
func (r *rig) killFor(d time.Duration, brokers ...int) error {
	for _, i := range brokers {
		r.kill(i)
	}
	for _, i := range brokers {
		pause(r.ctx, d)
		if err := r.brokers[i].start(); err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) killMaster(s step) error { return r.killFor(s.span/2, r.master(s)) }
func (r *rig) killSlave(s step) error  { return r.killFor(s.span/2, 1-r.master(s)) }
func (r *rig) killBoth(s step) error   { return r.killFor(s.span/4, s.broker, 1-s.broker) }

// stopFor stops a broker in the middle of whatever it does, for a time.
func (r *rig) stopFor(d time.Duration, i int) error {
	r.brokers[i].signal(syscall.SIGSTOP)
	pause(r.ctx, d)
	r.brokers[i].signal(syscall.SIGCONT)
	return nil
}

func (r *rig) pauseMaster(s step) error { return r.stopFor(s.span, r.master(s)) }
func (r *rig) pauseSlave(s step) error  { return r.stopFor(s.span, 1-r.master(s)) }

func (r *rig) restart(s step, i int) error {
	if err := r.brokers[i].stop(); err != nil {
		return err
	}
	pause(r.ctx, s.span/4)
	return r.brokers[i].start()
}

func (r *rig) restartMaster(s step) error { return r.restart(s, r.master(s)) }
func (r *rig) restartSlave(s step) error  { return r.restart(s, 1-r.master(s)) }

func (r *rig) handOver(s step) error {
	r.demote(r.master(s), false)
	return r.settle(settleTime)
}

func (r *rig) failOver(s step) error {
	i := r.master(s)
	r.kill(i)
	r.promote(1-i, false)
	pause(r.ctx, s.span)
	if err := r.brokers[i].start(); err != nil {
		return err
	}
	return r.settle(settleTime)
}

func (r *rig) forced(s step) error {
	i := r.master(s)
	if err := r.lan.cut(between(0), between(1)); err != nil {
		return err
	}
	pause(r.ctx, s.span/2)
	r.promote(1-i, true)
	pause(r.ctx, s.span)
	if err := r.lan.mend(); err != nil {
		return err
	}
	return r.settle(settleTime)
}

func (r *rig) zombie(s step) error {
	i := r.master(s)
	r.brokers[i].signal(syscall.SIGSTOP)
	pause(r.ctx, s.span/4)
	r.promote(1-i, false)
	pause(r.ctx, s.span)
	r.brokers[i].signal(syscall.SIGCONT)
	return r.settle(settleTime)
}
