package main

import (
	"context"
	"fmt"
	"log/slog"

	"pairmq/daemon/config"
	"pairmq/daemon/rights"
	"pairmq/discovery"
)

// A reconfigurer applies configurations that are read again to what runs.
type reconfigurer struct {
	now    config.Live // what was applied last
	gate   *rights.Gate
	peers  *peers
	names  *nameServerPart // nil: there is none
	broker *brokerPart     // nil: there is none
	log    *slog.Logger
}

// follow applies each that comes, until ctx ends.
func (r *reconfigurer) follow(ctx context.Context, again <-chan config.Config) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-again:
			if err := r.apply(next.Live); err != nil {
				r.log.Error("the configuration that was read again is not applied", "err", err)
			}
		}
	}
}

// apply has who may do what go by next from now on, also on connections that there are. Either all of it
// counts or, if it fails, nothing does.
func (r *reconfigurer) apply(next config.Live) error {
	allowed, err := config.ParseAllowedBrokers(next.NamesrvAllowed)
	if err != nil {
		return fmt.Errorf("namesrvAllowedBrokers: %w", err)
	}
	var servers []string
	if r.broker != nil {
		if servers, err = discovery.ParseList(next.NamesrvAddr); err != nil {
			return fmt.Errorf("namesrvAddr: %w", err)
		}
	}
	if r.changes("adminAddresses", r.now.Admins.String(), next.Admins.String()) {
		r.gate.SetAdmins(next.Admins.Has)
	}
	peers := r.changes("haPeers", r.now.HAPeers.String(), next.HAPeers.String())
	if peers {
		r.peers.listed.Store(&next.HAPeers)
	}
	if r.changes("namesrvAllowedBrokers", r.now.NamesrvAllowed, next.NamesrvAllowed) && r.names != nil {
		r.names.allowed.Store(&allowed)
	}
	if r.broker != nil {
		r.broker.reconfigure(&next, servers, peers)
	}
	r.now = next
	return nil
}

// changes says whether a list is another one, and logs it.
func (r *reconfigurer) changes(key, was, is string) bool {
	if was != is {
		r.log.Info("a list of addresses has changed", "key", key, "is", is, "was", was)
	}
	return was != is
}
