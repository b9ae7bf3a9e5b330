package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"pairmq/daemon/config"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
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
		reloading(log)
		next, _, err := config.Load(f.file, f.settings)
		if err != nil {
			log.Error("configuration not re-read; the old one stays", "err", err)
			notify(log, sd.SdNotifyReady)
			continue
		}
		changed, restart := running.Reload(&next)
		setLevel(level, running.LogLevel)
		log.Info("configuration re-read", "changed", changed, "needRestart", restart)
		if slices.ContainsFunc(changed, func(key string) bool { return key != "logLevel" }) {
			select {
			case again <- running:
			case <-ctx.Done():
				return
			}
		}
		notify(log, sd.SdNotifyReady)
	}
}

// reloading tells systemd that READY will follow. It takes that of a unit of
// Type=notify-reload for the answer to its signal if it is younger than that.
func reloading(log *slog.Logger) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		log.Warn("systemd is not told of a reload", "err", err)
		return
	}
	notify(log, fmt.Sprintf("%s\nMONOTONIC_USEC=%d", sd.SdNotifyReloading, now.Nano()/1000))
}
