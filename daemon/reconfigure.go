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
	now    config.Config // what was applied last
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
			r.apply(&next)
		}
	}
}

// apply has who may do what go by next from now on, also on connections that there are. Either all of it
// counts or nothing does.
func (r *reconfigurer) apply(next *config.Config) {
	if r.broker != nil { // what else could be wrong was looked at when next was read
		if _, err := discovery.ParseList(next.NamesrvAddr); err != nil {
			r.failed(fmt.Errorf("namesrvAddr: %w", err))
			return
		}
	}
	for _, list := range []struct {
		key, was, now string
		set           func(string) error
	}{
		{"adminAddresses", r.now.Admins.String(), next.Admins.String(), func(string) error { r.gate.SetAdmins(next.Admins.Has); return nil }},
		{"haPeers", r.now.HAPeers, next.HAPeers, r.peers.setListed},
		{"namesrvAllowedBrokers", r.now.NamesrvAllowed, next.NamesrvAllowed, r.setAllowed},
	} {
		if list.was == list.now {
			continue
		}
		if err := list.set(list.now); err != nil {
			r.failed(err)
			return
		}
		r.log.Info("a list of addresses has changed", "key", list.key, "is", list.now, "was", list.was)
	}
	if r.broker != nil {
		if err := r.broker.reconfigure(next, r.now.HAPeers != next.HAPeers); err != nil {
			r.failed(err)
			return
		}
	}
	takeAgain(&r.now, next)
}

func (r *reconfigurer) failed(err error) {
	r.log.Error("the configuration that was read again is not applied", "err", err)
}

func (r *reconfigurer) setAllowed(list string) error {
	if r.names == nil {
		return nil
	}
	return r.names.setAllowed(list)
}

// takeAgain is what c takes over from a configuration that was read again.
func takeAgain(c, next *config.Config) {
	c.NamesrvAddr, c.Admins, c.HAPeers, c.NamesrvAllowed = next.NamesrvAddr, next.Admins, next.HAPeers, next.NamesrvAllowed
}
