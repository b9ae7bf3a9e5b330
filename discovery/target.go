package discovery

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"pairmq/internal/lifecycle"
	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// fullEvery is how many periods pass at most until a name server gets the whole
// table again although nothing has changed: it may have lost a part of it.
const fullEvery = 10

// masterTime is how soon a slave that knows no master asks again: the master may
// have registered after it.
const masterTime = 3 * time.Second

// hurryTime bounds the first attempt on a connection that a link may have
// outlived: what was sent while it was down comes again only after a while of TCP's own.
const hurryTime = 700 * time.Millisecond

// unregisterTime bounds what a clean stop waits for one name server.
const unregisterTime = 3 * time.Second

// A target is one name server; its goroutine is run.
type target struct {
	r    *Registrar
	addr string
	log  *slog.Logger
	wake chan struct{}

	// The goroutine's own.
	conn    *remoting.Conn    // that it registered on last, nil before that
	known   bool              // the last registration on conn succeeded
	version table.DataVersion // of the table that was registered on conn
	asked   int               // periods since the whole table was sent
	backoff lifecycle.Backoff

	// Guarded by r.mu.
	status  ServerStatus
	settled uint64 // generation that was tried last
	gone    bool   // no longer in the list
	hurry   bool   // a link has come up since the last attempt
	cancel  context.CancelFunc
}

func (t *target) run(ctx context.Context) {
	for ctx.Err() == nil {
		t.sleep(ctx, t.attempt(ctx))
	}
	t.leave(context.WithoutCancel(ctx))
}

// sleep returns when it is time to register again.
func (t *target) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-t.wake:
	case <-timer.C:
	case <-t.dropped():
		t.conn, t.known = nil, false
		t.sleep(ctx, t.backoff.Next()) // it may be one that keeps closing connections
	}
}

// dropped returns a channel that is closed when the connection of the last
// registration has ended: the name server has forgotten this broker then, or
// it has restarted. It is nil, and never closed, where there is none.
func (t *target) dropped() <-chan struct{} {
	if t.conn == nil {
		return nil
	}
	return t.conn.Done()
}

// attempt registers once and returns when to do so again.
func (t *target) attempt(ctx context.Context) time.Duration {
	t.r.mu.Lock()
	generation, hurry := t.r.wanted, t.hurry
	t.hurry = false
	t.r.mu.Unlock()
	if hold := t.r.opts.Hold; hold != nil {
		if err := hold(t.addr); err != nil {
			t.settle(generation, err, t.r.opts.Period)
			return t.r.opts.Period
		}
	}
	old := t.conn
	limit := t.r.opts.Timeout
	if hurry && old != nil {
		limit = hurryTime
	}
	err := t.registerWithin(ctx, limit)
	if hurry && errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		t.giveUp(err)
		err = t.registerWithin(ctx, t.r.opts.Timeout)
	}
	if ctx.Err() != nil {
		return 0
	}
	wait := t.r.opts.Period
	if err != nil {
		wait = t.backoff.Next()
		t.giveUp(err)
	} else {
		if t.conn == old {
			t.backoff.Reset() // the connection has lasted
		}
		if t.r.master.wanted() {
			wait = min(wait, masterTime)
		}
	}
	t.settle(generation, err, wait)
	return wait
}

func (t *target) registerWithin(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return t.register(ctx)
}

// register brings the name server up to date. On a connection that has been
// registered on, and with nothing changed since, it asks only whether that is
// still known; a slave never does, since that answer does not name its master.
func (t *target) register(ctx context.Context) error {
	opts := &t.r.opts
	conn, err := opts.Client.Conn(ctx, t.addr)
	if err != nil {
		return err
	}
	if conn != t.conn {
		t.conn, t.known = conn, false // from here on there may be something to unregister
	}
	topics, version := opts.Topics()
	if t.known && version == t.version && t.asked < fullEvery-1 && !opts.Force && opts.BrokerID == MasterID {
		t.asked++
		same, err := opts.unchanged(ctx, conn, version)
		if same || err != nil {
			return err
		}
	}
	if !t.known && len(topics) == 1 {
		// A first registration of one topic would be refused as an increment
		// of nothing: begin with an empty table, of another version.
		if _, err := opts.sendTable(ctx, conn, RegisterBody{}); err != nil {
			return err
		}
	}
	master, err := opts.sendTable(ctx, conn, RegisterBody{Topics: topics, Version: version})
	if err != nil {
		return err
	}
	t.known, t.version, t.asked = true, version, 0
	t.r.master.heard(t.addr, master)
	return nil
}

// giveUp makes the next attempt send everything, on a new connection if this
// one does not answer.
func (t *target) giveUp(err error) {
	t.known = false
	t.r.master.lost(t.addr)
	if t.conn == nil {
		return
	}
	if errors.Is(err, context.DeadlineExceeded) {
		_ = t.conn.Close() // no answer will be waited for on it
	}
	select {
	case <-t.conn.Done():
		t.conn = nil
	default:
	}
}

// settle notes the outcome of an attempt, and logs it if it is news.
func (t *target) settle(generation uint64, err error, retryIn time.Duration) {
	now := time.Now()
	t.r.mu.Lock()
	s := &t.status
	was := s.State
	s.Err = err
	if err == nil {
		s.State, s.Last, s.Version = Registered, now, t.version
	} else {
		s.State = Failing
	}
	if s.State != was {
		s.Since = now
	}
	t.settled = generation
	close(t.r.settled)
	t.r.settled = make(chan struct{})
	t.r.mu.Unlock()
	switch {
	case err == nil && was != Registered:
		t.log.Info("registered", "brokerName", t.r.opts.BrokerName, "brokerId", t.r.opts.BrokerID)
	case err != nil && was != Failing:
		t.log.Warn("registration failed", "err", err, "retryIn", retryIn)
	}
}

// leave unregisters on the connection of the last registration, if that lives:
// where it has ended the name server knows already.
func (t *target) leave(ctx context.Context) {
	t.r.mu.Lock()
	stays := t.r.stays
	t.r.mu.Unlock()
	if t.conn == nil || stays {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, unregisterTime)
	defer cancel()
	if err := t.r.opts.unregister(ctx, t.conn); err != nil {
		t.log.Info("unregistering failed", "err", err)
	}
}
