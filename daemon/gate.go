package main

import (
	"log/slog"

	"pairmq/daemon/broker"
	"pairmq/daemon/config"
	"pairmq/daemon/rights"
	"pairmq/internal/acl"
	"pairmq/internal/remoting"
)

// newGate returns who lets requests through, to every part of the daemon.
func newGate(cfg *config.Config, accounts *acl.Accounts, log *slog.Logger) *rights.Gate {
	o := rights.Options{Admins: cfg.Admins.Has, ReplyTopic: broker.ReplyTopic(cfg.ClusterName), Log: log}
	if accounts != nil {
		o.Accounts = accounts.Rules
	}
	return rights.New(o)
}

// guarded returns what serves a port: what the gate lets through, by next.
func (m *platform) guarded(next remoting.Handler, log *slog.Logger) remoting.Handler {
	return m.someGate(log).Ahead(next)
}

// guardedBroker is guarded for a broker that has another half, and goes by accounts if there
// are some.
func (m *platform) guardedBroker(next remoting.Handler, halves rights.Halves, log *slog.Logger) remoting.Handler {
	return m.someGate(log).Broker(next, halves)
}

func (m *platform) someGate(log *slog.Logger) *rights.Gate {
	if m.gate == nil {
		return rights.New(rights.Options{Log: log})
	}
	return m.gate
}
