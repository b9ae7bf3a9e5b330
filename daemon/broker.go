package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"pairmq/daemon/config"
	"pairmq/internal/remoting"
)

// A brokerPart is the broker, in one role after the other: each is a tenure.
type brokerPart struct {
	cfg    *config.Config // as the files have it
	client *remoting.Client
	now    *tenure // nil if the last one could not be built
	log    *slog.Logger
}

func newBroker(cfg *config.Config, log *slog.Logger) (*brokerPart, error) {
	p := &brokerPart{cfg: cfg, log: log, client: remoting.NewClient(remoting.ClientOptions{Log: log})}
	var err error
	if p.now, err = newTenure(cfg, p.client, log); err != nil {
		return nil, errors.Join(err, p.client.Close())
	}
	return p, nil
}

func (p *brokerPart) name() string { return "broker" }

// run serves until ctx ends. A change of roles is a stop and a start, in the same
// process: the store is closed cleanly, and opened by the other role as any
// start opens it. Clients connect again.
func (p *brokerPart) run(ctx context.Context) error {
	for {
		err := p.now.run(ctx)
		if !errors.Is(err, errRoleChange) {
			return err
		}
		if ctx.Err() != nil { // what was decided is kept: the next start goes by it
			return nil
		}
		if err := p.now.close(); err != nil {
			p.now = nil
			return fmt.Errorf("change roles: %w", err)
		}
		if p.now, err = newTenure(p.cfg, p.client, p.log); err != nil {
			return fmt.Errorf("change roles: %w", err)
		}
	}
}

func (p *brokerPart) close() error {
	var err error
	if p.now != nil {
		err = p.now.close()
	}
	return errors.Join(err, p.client.Close())
}
