package main

import (
	"log/slog"

	"pairmq/daemon/config"
	"pairmq/daemon/rights"
	"pairmq/internal/remoting"
)

// newGate returns who lets requests through, to every part of the daemon.
func newGate(cfg *config.Config, log *slog.Logger) *rights.Gate {
	return rights.New(rights.Options{Admins: cfg.Admins, Log: log})
}

// guarded returns what serves a port: what the gate lets through, by next.
func (m *platform) guarded(next remoting.Handler, log *slog.Logger) remoting.Handler {
	gate := m.gate
	if gate == nil {
		gate = rights.New(rights.Options{Log: log})
	}
	return gate.Ahead(next)
}
