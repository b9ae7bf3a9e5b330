package main

import (
	"context"
	"log/slog"
	"os"
	"slices"

	"pairmq/daemon/config"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd a state, if systemd started us.
func notify(log *slog.Logger, state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		log.Warn("systemd was not told", "state", state, "err", err)
	}
}

// reload reads the configuration again on each SIGHUP, applies what can change
// while the daemon runs, here or by sending it on, and names what cannot.
func reload(ctx context.Context, hup <-chan os.Signal, f flags, cfg *config.Config, level *slog.LevelVar, again chan<- config.Config, log *slog.Logger) {
	running := *cfg
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		next, _, err := config.Load(f.file, f.settings)
		if err != nil {
			log.Error("configuration not re-read; the old one stays", "err", err)
			continue
		}
		changed, restart := running.Reload(&next)
		setLevel(level, running.LogLevel)
		log.Info("configuration re-read", "changed", changed, "needRestart", restart)
		if slices.Contains(changed, "namesrvAddr") && running.EnableBroker {
			select {
			case again <- running:
			case <-ctx.Done():
				return
			}
		}
	}
}
