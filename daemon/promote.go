package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pairmq/internal/remoting"
	"pairmq/replica/pair"
)

// promoteTime bounds the work of a promotion: whoever hands over waits longer.
const promoteTime = 8 * time.Second

// promote serves 31002: a slave becomes master under the next epoch number. Its
// fields are force (bool), role (that of the new master; empty: that of the old
// one), and, from a master that hands over, epoch and end: its number, and where
// its log ends for good.
func (t *tenure) promote(ctx context.Context, f remoting.Fields) (remoting.Fields, error) {
	ctx, cancel := context.WithTimeout(ctx, promoteTime)
	defer cancel()
	force, err := f.BoolOr("force", false)
	if err != nil {
		return nil, err
	}
	role := f.Get("role")
	if role != "" && role != pair.AsyncMaster && role != pair.SyncMaster {
		return nil, fmt.Errorf("%w: role %.40q, a master's is %s or %s", errRefused, role, pair.AsyncMaster, pair.SyncMaster)
	}
	_, handed := f.Lookup("end")
	switch {
	case !t.cfg.Slave() && !force:
		err = fmt.Errorf("%w: this broker is master already, under epoch %v", errRefused, t.memory.Epochs().Last())
	case !t.cfg.Slave(): // another one of the same epoch is to give way
	case handed:
		err = t.complete(ctx, f)
	case !force:
		if err = t.seesMaster(ctx); err == nil && t.store.End() == 0 && len(t.memory.Epochs()) > 0 {
			err = fmt.Errorf("%w: this slave has nothing of its master's log. What it would take as master and what the old one has do not go together again by themselves: use --force if the old log is gone for good", errRefused)
		}
	}
	if err != nil {
		return nil, err
	}
	next := t.memory.Next()
	if err := ctx.Err(); err != nil { // whoever handed over may have gone on
		return nil, fmt.Errorf("promotion: %w", err)
	}
	if err := t.memory.Promote(role); err != nil {
		return nil, err
	}
	var answer remoting.Fields
	answer.AddInt("epoch", next)
	if o := t.outsider(); force && o != "" {
		t.log.Warn("made master although somebody answers under this name who is not taken for the other half: if that is master, it goes on as one", "broker", o)
		answer.Add("outsider", o)
	}
	return answer, nil
}

// seesMaster returns an error if there is a living master: two of them would
// take messages that the other one does not have.
func (t *tenure) seesMaster(ctx context.Context) error {
	st := t.pair.slave.Status()
	if ago := time.Since(st.Heard); st.Connected && ago < 2*t.cfg.HAHeartbeat {
		return fmt.Errorf("%w: the master %s lives, it was heard of %v ago: hand over with pairmq demote there, or stop it", errRefused, st.Addr, ago.Round(time.Millisecond))
	}
	for _, s := range t.halves.Round(ctx) {
		if s.Master() {
			return fmt.Errorf("%w: the master %s lives: hand over with pairmq demote there, or stop it", errRefused, s.Addr)
		}
	}
	main := t.pair.main.get()
	if main == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	own := t.state()
	his, err := pair.Ask(ctx, t.circle, main, &own)
	switch {
	case isPlain(err), err == nil && his.Master():
		return fmt.Errorf("%w: the master %s lives: stop it first", errRefused, main)
	case errors.Is(err, pair.ErrOutsider): // it has answered
		return fmt.Errorf("%w: somebody answers where the master was, and whether that is master is not known (%w): stop it first, or use --force", errRefused, err)
	}
	return nil
}

// complete returns an error unless this slave has all of a master that hands
// over to it.
func (t *tenure) complete(ctx context.Context, f remoting.Fields) error {
	number, err := f.Int64("epoch")
	if err != nil {
		return err
	}
	end, err := f.Int64("end")
	if err != nil {
		return err
	}
	if have := t.memory.Epochs().Last().Number; have != number {
		return fmt.Errorf("%w: the master hands over epoch %d, this slave has copied %d", errRefused, number, have)
	}
	if have := t.store.Confirmed(); have != end || t.store.End() != end {
		return fmt.Errorf("%w: the master's log ends at %d, this slave's at %d, confirmed up to %d", errRefused, end, t.store.End(), have)
	}
	if err := t.pair.copier.Latest(ctx); err != nil { // topics, groups and offsets change no more there
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return nil
}
