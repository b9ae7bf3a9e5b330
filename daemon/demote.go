package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"pairmq/internal/remoting"
	"pairmq/replica/pair"
)

// How long the steps of handing over may take.
const (
	catchUpTime  = 10 * time.Second // until the slave has everything; senders wait or go elsewhere meanwhile
	handOverTime = 10 * time.Second // until it has answered; more than promoteTime
	sureTime     = 20 * time.Second // after which a slave that is still one was never promoted
)

// demote serves 31003: a master becomes a slave. It hands over to a slave that
// has everything, without loss; with force it only gives way.
func (t *tenure) demote(ctx context.Context, f remoting.Fields) (remoting.Fields, error) {
	force, err := f.BoolOr("force", false)
	switch {
	case err != nil:
		return nil, err
	case t.cfg.Slave():
		return nil, fmt.Errorf("%w: this broker is a slave already", errRefused)
	case force:
		return nil, t.memory.Yield(t.memory.SlaveID())
	case t.memory.Handing() != "":
		return nil, fmt.Errorf("%w: it is not known yet whether %s has taken over", errRefused, t.memory.Handing())
	}
	heir, err := t.heir(ctx)
	if err != nil {
		return nil, err
	}
	t.store.Shut()
	if err := t.handOver(ctx, heir); err != nil {
		if t.memory.Handing() == "" {
			t.store.Reopen()
		}
		return nil, err
	}
	var answer remoting.Fields
	answer.Add("master", heir.Addr)
	return answer, nil
}

// heir is the slave that follows this master and has the most.
func (t *tenure) heir(ctx context.Context) (*pair.State, error) {
	var best *pair.State
	own := t.state()
	for _, s := range t.halves.Round(ctx) {
		if !s.Master() && s.Epoch() == own.Epoch() && (best == nil || s.End > best.End) {
			best = &s
		}
	}
	if o := t.outsider(); best == nil && o != "" {
		return nil, fmt.Errorf("%w: no slave of this master answers that could take over; one may be there that is not taken for the other half: %s", errRefused, o)
	}
	if best == nil {
		return nil, fmt.Errorf("%w: no slave of this master answers that could take over; a broker of Apache's cannot be asked to", errRefused)
	}
	return best, nil
}

// handOver waits until heir has everything, and has it made master. If it is not
// known how that ended, Handing says so, and nothing may be stored.
func (t *tenure) handOver(ctx context.Context, heir *pair.State) error {
	if err := t.awaitComplete(ctx, heir); err != nil {
		return err
	}
	if err := t.memory.Hand(heir.Addr); errors.Is(err, pair.ErrSlave) {
		return fmt.Errorf("%w: %w", errRefused, err)
	} else if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, handOverTime)
	defer cancel()
	f := remoting.Fields{{Key: "role", Value: t.cfg.BrokerRole}, {Key: "epoch", Value: strconv.FormatInt(heir.Epoch().Number, 10)}, {Key: "end", Value: strconv.FormatInt(t.store.End(), 10)}}
	resp, err := t.circle.Call(ctx, heir.Addr, &remoting.Command{Code: remoting.ReqPromoteBroker, Fields: f})
	if err != nil {
		return fmt.Errorf("whether %s has taken over is not known, so this broker stores nothing until it answers, or pairmq promote --force is used on either: %w", heir.Addr, err)
	}
	if resp.Code != remoting.RespSuccess {
		return errors.Join(fmt.Errorf("%w: %s does not take over: %.200q", errRefused, heir.Addr, resp.Remark), t.memory.Hand(""))
	}
	return t.memory.Yield(heir.BrokerID)
}

// awaitComplete waits until heir has all of the log, which does not grow.
func (t *tenure) awaitComplete(ctx context.Context, heir *pair.State) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTime)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		own := t.state()
		his, err := pair.Ask(ctx, t.circle, heir.Addr, &own)
		if err == nil && own.End == t.store.End() && his.End == own.End && his.Epoch() == own.Epoch() && !his.Master() {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%w: within %v the slave %s did not come to have everything: it is at %d, this log ends at %d", errRefused, catchUpTime, heir.Addr, his.End, t.store.End()), err)
		case <-look.C:
		}
	}
}

// awaitHandover finds out what became of a handing over whose answer was lost:
// until then nothing may be stored, here or there.
func (t *tenure) awaitHandover(ctx context.Context) error {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	var since time.Time // it is not known
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		addr := t.memory.Handing()
		if addr == "" {
			since = time.Time{}
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		if err := t.askHeir(ctx, addr, time.Since(since) > sureTime); err != nil {
			return err
		}
	}
}

// askHeir asks the slave that was asked to take over whether it did. sure says
// that by now it never will.
func (t *tenure) askHeir(ctx context.Context, addr string, sure bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	own := t.state()
	his, err := pair.Ask(ctx, t.circle, addr, &own)
	switch {
	case err != nil:
		return nil // it is asked again
	case his.Master() && his.Epoch().Number > own.Epoch().Number:
		t.superseded(his)
	case sure && !his.Master():
		if err := t.memory.Hand(""); err != nil {
			return err
		}
		t.store.Reopen()
		t.log.Warn("the slave did not take over; this broker goes on as master", "slave", addr)
	}
	return nil
}
