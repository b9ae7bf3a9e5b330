package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/daemon/config"
	"pairmq/internal/remoting"
)

// A brokerPart is the broker, in one role after the other, and wherever it is
// found: each is a tenure.
type brokerPart struct {
	client   *remoting.Client
	platform platform
	log      *slog.Logger

	begun  chan struct{} // see serves
	begins func()        // closes it
	active atomic.Bool   // a tenure serves

	mu   sync.Mutex    // guards the rest where run is not alone
	cfg  config.Config // as the files have it
	now  *tenure       // nil if the last one could not be built; run's to replace
	last before        // what the next one takes over

	stall   stall     // works' own
	between time.Time // works has found one tenure over and the next not begun since; zero if not
}

// turnTime is how long it may take from one tenure to the next: a long log may be
// read meanwhile, on a slow disk.
const turnTime = 10 * time.Minute

func newBroker(cfg *config.Config, m platform, log *slog.Logger) (*brokerPart, error) {
	p := &brokerPart{cfg: *cfg, platform: m, log: log, begun: make(chan struct{})}
	p.begins = sync.OnceFunc(func() { close(p.begun) })
	return p, p.next()
}

func (p *brokerPart) name() string { return "broker" }

// next builds the next tenure. Each has connections of its own: those of one that
// was found elsewhere lead nowhere.
func (p *brokerPart) next() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	client := remoting.NewClient(remoting.ClientOptions{TLS: p.platform.security.others(), Sign: signsForHalves(p.platform.signer), Log: p.log})
	now, err := newTenure(&p.cfg, p.platform, p.last, client, p.log)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	p.client, p.now = client, now
	return nil
}

// run serves until ctx ends. Between two tenures there is a stop and a start, in the same
// process: the store is closed cleanly, and opened by the other role as any
// start opens it. Clients connect again. So it is too when a store that was opened
// behind its log has caught up.
func (p *brokerPart) run(ctx context.Context) error {
	for {
		err := p.now.run(ctx, func() { p.begins(); p.active.Store(true) })
		p.active.Store(false)
		if !errors.Is(err, errNextTenure) {
			return err
		}
		if ctx.Err() != nil { // what was decided is kept: the next start goes by it
			return nil
		}
		if err := p.close(); err != nil {
			return fmt.Errorf("go on in another role or at another address: %w", err)
		}
		if err := p.next(); err != nil {
			return fmt.Errorf("go on in another role or at another address: %w", err)
		}
	}
}

func (p *brokerPart) serves() <-chan struct{} { return p.begun }

// serving has not the last word: a change of roles takes a moment to stop the ports.
func (p *brokerPart) serving() bool { return p.active.Load() }

// works asks for what nearly everything has a part in, the broker's description, at
// each port for clients, and looks whether the store's work goes on. Who
// goes from one tenure to the next answers nobody for a while.
func (p *brokerPart) works(ctx context.Context) error {
	var t *tenure
	if p.mu.TryLock() { // else the next tenure is being built
		t = p.now
		p.mu.Unlock()
	}
	if t != nil && !t.isOver() {
		p.between = time.Time{}
		err := p.tenureWorks(ctx, t)
		if err == nil || !t.isOver() {
			return err
		}
	}
	if p.between.IsZero() {
		p.between = time.Now()
	}
	if took := time.Since(p.between); took > turnTime {
		return fmt.Errorf("it has been on its way to another role or address for %v", took.Round(time.Second))
	}
	return nil
}

func (p *brokerPart) tenureWorks(ctx context.Context, t *tenure) error {
	code := int32(remoting.ReqGetBrokerRuntimeInfo)
	if p.platform.accounts != nil {
		code = 0 // nobody's: it is answered without an account, and not counted as refused
	}
	for _, ln := range t.lns {
		if err := answers(ctx, ln.Addr(), code, p.platform.security.self()); err != nil {
			return err
		}
	}
	limit := stallTime
	if t.cfg.WaitsForSlaves() {
		limit += t.cfg.SlaveTimeout // for so long, waiting is what was asked for
	}
	return p.stall.check(time.Now(), t.store, limit)
}

// reconfigure applies what of a configuration that was read again can change now: servers are those of its
// namesrvAddr, and peers says that haPeers is another one.
func (p *brokerPart) reconfigure(next *config.Live, servers []string, peers bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.Live = *next
	if p.now == nil {
		return
	}
	p.now.changes.readAgain(next)
	p.now.setServers(servers)
	if peers {
		p.now.peersChanged()
	}
}

// close ends the tenure there is.
func (p *brokerPart) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		return nil
	}
	p.last = before{addr: p.now.host.String(), unkept: p.now.unkept(), whole: p.now.caughtUp}
	err := errors.Join(p.now.close(), p.client.Close())
	p.now = nil
	return err
}
