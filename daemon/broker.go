package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"pairmq/daemon/config"
	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// A brokerPart is the broker, in one role after the other, and wherever it is
// found: each is a tenure.
type brokerPart struct {
	client *remoting.Client
	open   opener
	log    *slog.Logger

	mu     sync.Mutex    // guards the rest where run is not alone
	cfg    config.Config // as the files have it
	now    *tenure       // nil if the last one could not be built; run's to replace
	was    string        // where clients find now
	unkept []byte        // of the pair, what the last one could not keep on its disk
}

func newBroker(cfg *config.Config, open opener, log *slog.Logger) (*brokerPart, error) {
	p := &brokerPart{cfg: *cfg, open: open, log: log}
	return p, p.next()
}

func (p *brokerPart) name() string { return "broker" }

// next builds the next tenure. Each has connections of its own: those of one that
// was found elsewhere lead nowhere.
func (p *brokerPart) next() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	client := remoting.NewClient(remoting.ClientOptions{Log: p.log})
	now, err := newTenure(&p.cfg, p.open, before{addr: p.was, unkept: p.unkept}, client, p.log)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	p.client, p.now, p.was = client, now, now.host.String()
	return nil
}

// run serves until ctx ends. Between two tenures there is a stop and a start, in the same
// process: the store is closed cleanly, and opened by the other role as any
// start opens it. Clients connect again.
func (p *brokerPart) run(ctx context.Context) error {
	for {
		err := p.now.run(ctx)
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

// reconfigure applies what of a configuration that was read again can change now.
func (p *brokerPart) reconfigure(next *config.Config) error {
	servers, err := discovery.ParseList(next.NamesrvAddr)
	if err != nil {
		return fmt.Errorf("namesrvAddr: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.NamesrvAddr = next.NamesrvAddr
	if p.now != nil {
		p.now.setServers(servers)
	}
	return nil
}

// close ends the tenure there is.
func (p *brokerPart) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		return nil
	}
	p.unkept = p.now.unkept()
	err := errors.Join(p.now.close(), p.client.Close())
	p.now = nil
	return err
}

// follow applies each configuration that is read again, until ctx ends.
func (p *brokerPart) follow(ctx context.Context, again <-chan config.Config) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-again:
			if err := p.reconfigure(&next); err != nil {
				p.log.Error("the configuration that was read again is not applied", "err", err)
			}
		}
	}
}
