package main

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"pairmq/internal/remoting"
	"pairmq/tools/chaos/check"
	"pairmq/tools/harness"
)

// How long the person who looks after the pair is patient.
const (
	settleTime = 6 * time.Second        // between steps
	roleTime   = 30 * time.Second       // for one change of roles
	lookEvery  = 100 * time.Millisecond // at both brokers
	patience   = 2 * time.Second        // with two masters of the same epoch, or with none
)

// master returns the broker that is master, or the one that the plan names if
// that is not clear.
func (r *rig) master(s step) int {
	all := r.caller.both(r.ctx)
	if all[0].master != all[1].master {
		if all[1].master {
			return 1
		}
		return 0
	}
	return s.broker
}

// promote has a slave made master. While it says that it sees its master it is asked again.
func (r *rig) promote(i int, force bool) {
	ctx, cancel := context.WithTimeout(r.ctx, settleTime)
	defer cancel()
	for ctx.Err() == nil {
		err := r.change(ctx, remoting.ReqPromoteBroker, i, force)
		var no harness.Refusal
		if !errors.As(err, &no) { // it is master, or nobody knows
			r.record.Event(check.Event{Kind: check.Promoted, Broker: nameOf(i), At: r.now()})
		}
		if err == nil {
			return
		}
		pause(ctx, lookEvery)
	}
}

// demote has a master hand over, or with force just give way. It may refuse.
func (r *rig) demote(i int, force bool) {
	if r.change(r.ctx, remoting.ReqDemoteBroker, i, force) == nil {
		r.record.Event(check.Event{Kind: check.Handed, Broker: nameOf(i), At: r.now()})
	}
}

// change asks a broker to change its role.
func (r *rig) change(ctx context.Context, code int32, i int, force bool) error {
	_, err := r.patient.ask(ctx, i, code, remoting.Fields{{Key: "force", Value: strconv.FormatBool(force)}, {Key: "role", Value: ""}})
	r.note("%s of broker %s, force %v: %v", remoting.RequestName(code), nameOf(i), force, err)
	return err
}

// settle looks after the pair as a person would, until it is one master with a
// slave that follows, or the time is up.
func (r *rig) settle(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	defer cancel()
	odd := time.Now() // since when nobody or both are master
	for ctx.Err() == nil {
		all := r.caller.both(ctx)
		if settled(all) {
			return nil
		}
		a, b := all[0], all[1]
		switch {
		case !a.up || !b.up || a.master != b.master, a.master && a.epoch != b.epoch:
			odd = time.Now() // they come to terms by themselves
		case time.Since(odd) < patience:
		case a.master:
			r.demote(lesser(all), true)
			odd = time.Now()
		default:
			r.promote(1-lesser(all), false)
			odd = time.Now()
		}
		pause(ctx, lookEvery)
	}
	return r.ctx.Err()
}

// lesser returns the broker with the older history, or the shorter one.
func lesser(all [2]status) int {
	if c := cmp.Or(cmp.Compare(all[0].epoch, all[1].epoch), cmp.Compare(all[0].end, all[1].end)); c < 0 {
		return 0
	}
	return 1
}

// settled says whether there is one master, and a slave that copies from it.
func settled(all [2]status) bool {
	for i, s := range all {
		other := all[1-i]
		if s.up && s.master && s.slaves > 0 && other.up && !other.master && other.connected {
			return true
		}
	}
	return false
}
