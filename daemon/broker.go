package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"pairmq/daemon/broker"
	"pairmq/daemon/config"
	"pairmq/discovery"
	"pairmq/internal/lifecycle"
	"pairmq/internal/remoting"
	"pairmq/store"
)

// A brokerPart is the broker with its store, its ports and its registrar.
type brokerPart struct {
	cfg    *config.Config
	store  *store.Store
	broker *broker.Broker
	reg    *discovery.Registrar
	pair   *pairing
	client *remoting.Client
	srv    *remoting.Server
	lns    []net.Listener
	log    *slog.Logger
}

func newBroker(cfg *config.Config, log *slog.Logger) (*brokerPart, error) {
	began := time.Now()
	p := &brokerPart{cfg: cfg, log: log}
	host, err := advertised(cfg)
	if err != nil {
		return nil, err
	}
	var b *broker.Broker
	so, err := storeOptions(cfg, host, log)
	if err != nil {
		return nil, err
	}
	so.Arrived = func(a []store.Arrival) { b.Arrived(a) }     // only Run calls it, and b is there before Run
	so.Grown = func(end int64) { p.pair.grown(end, so.Hold) } // as above
	if p.store, err = store.Open(so); err != nil {
		return nil, err
	}
	if p.pair, err = newPairing(cfg, p.store, log); err != nil {
		return nil, errors.Join(err, p.store.Close())
	}
	if p.lns, err = listen(cfg.BindAddress, cfg.ListenPort, cfg.ListenPort-2); err != nil {
		p.pair.close()
		return nil, errors.Join(err, p.store.Close())
	}
	p.client = remoting.NewClient(remoting.ClientOptions{Log: log})
	ro, err := registrarOptions(cfg, host, p.store, p.client, log)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	ro.OnMaster = func(main, ha string) { p.pair.found(cfg, main, ha) } // called on slaves only
	if p.reg, err = discovery.NewRegistrar(ro); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if cfg.Slave() {
		if err := p.pair.copyTables(cfg, p.store, p.client, p.reg.Notify, log); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	b, err = broker.New(brokerOptions(cfg, host, p.store, p.pair, p.reg, log))
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.broker = b
	p.srv = remoting.NewServer(remoting.ServerOptions{Handler: b, OnClose: b.Closed, Limits: limits(cfg), Log: log})
	log.Info("broker ready", "brokerName", cfg.BrokerName, "address", host.String(), "flushDiskType", flushName(cfg), "startedIn", time.Since(began).Round(time.Millisecond).String())
	return p, nil
}

func (p *brokerPart) name() string { return "broker" }

// run serves until ctx ends. Then the name servers are told first, so that
// clients go elsewhere; the answers on their way leave while the store still
// runs; the store is the last to stop.
func (p *brokerPart) run(ctx context.Context) error {
	back, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStore()
	behind := lifecycle.NewGroup(back)
	behind.Go("store", p.store.Run)
	err := p.pair.restore(ctx, p.cfg, p.store, p.log)
	if err != nil {
		stopStore()
		return errors.Join(err, behind.Wait())
	}
	behind.Go("replication", p.pair.run)
	front := lifecycle.NewGroup(ctx)
	front.Go("broker", p.broker.Run)
	front.Go("registrar", p.reg.Run)
	front.Go("listeners", func(ctx context.Context) error { return serveAll(ctx, p.srv, p.lns) })
	front.Go("store", func(ctx context.Context) error { // a failed store ends the broker
		select {
		case <-ctx.Done():
			return nil
		case <-behind.Context().Done():
			return errors.New("the store has stopped")
		}
	})
	err = front.Wait()
	drain(p.srv, p.log)
	stopStore()
	return errors.Join(behind.Wait(), err)
}

func (p *brokerPart) close() error {
	for _, ln := range p.lns {
		ln.Close() // closed by its server already where that ran
	}
	p.pair.close()
	return errors.Join(p.client.Close(), p.store.Close())
}
