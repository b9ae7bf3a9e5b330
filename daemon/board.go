package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"pairmq/daemon/config"
	"pairmq/hal/board"
)

// softMemory is the heap in bytes beyond which the collector works harder, so
// that the process stays below 64 MiB under load; GOMEMLIMIT sets another. A name
// server that may keep more topics than usual gets topicMemory more for each.
const (
	softMemory  = 44 << 20
	usualTopics = 20_000
	topicMemory = 800
)

// errUnsafeMount: what is acknowledged would not survive a power cut, and nobody
// has said that this is wanted.
var errUnsafeMount = errors.New("the store's file system does not keep what is synced")

// errNotMounted: the store would begin anew in the folder below a file system that
// is not there yet.
var errNotMounted = errors.New("the store's file system is not mounted")

// checkMounted fails with errNotMounted if storeMountPoint is set and no file system
// is mounted there. It goes by devices: a sandbox mounts the folder over itself.
func checkMounted(cfg *config.Config) error {
	point := cfg.StoreMountPoint
	if point == "" {
		return nil
	}
	there, err := os.Stat(point)
	var above os.FileInfo
	if err == nil {
		above, err = os.Stat(filepath.Join(point, ".."))
	}
	if err != nil {
		return fmt.Errorf("%w: storeMountPoint: %w; make the folder, mount the file system there", errNotMounted, err)
	}
	a, known := there.Sys().(*syscall.Stat_t)
	b, alsoKnown := above.Sys().(*syscall.Stat_t)
	if known && alsoKnown && a.Dev == b.Dev {
		return fmt.Errorf("%w: nothing is mounted at storeMountPoint %s: see whether its device is there and what /etc/fstab and systemctl --failed say, then mount %s; it is tried again meanwhile",
			errNotMounted, point, point)
	}
	return nil
}

// wantedMemory is the heap in bytes that this configuration is made for.
func wantedMemory(cfg *config.Config) int64 {
	more := 0
	if cfg.EnableNamesrv {
		more = max(0, cfg.NamesrvMaxTopics-usualTopics) * topicMemory
	}
	return int64(softMemory + more)
}

// limitMemory tells the collector how much heap there may be: what the
// configuration is made for, or less where the machine or a cgroup has less for
// the process. env is GOMEMLIMIT, which the runtime goes by itself if it is set.
func limitMemory(cfg *config.Config, hw *board.Board, env string, log *slog.Logger) {
	if env != "" {
		log.Info("memory", "GOMEMLIMIT", env)
		return
	}
	aim := wantedMemory(cfg)
	limit, err := hw.MemoryLimit()
	if err != nil {
		log.Info("memory", "heapMiB", aim>>20, "limitUnknown", err)
		debug.SetMemoryLimit(aim)
		return
	}
	if proposed := board.GoMemory(limit.Bytes); proposed < aim {
		log.Warn("there is less memory than this configuration is made for: the collector works harder", "wantedMiB", aim>>20, "heapMiB", proposed>>20)
		aim = proposed
	}
	log.Info("memory", "heapMiB", aim>>20, "limitMiB", limit.Bytes>>20, "from", limit.From)
	debug.SetMemoryLimit(aim)
}

// checkPlace logs what the store lies on, and fails with errUnsafeMount if that
// breaks the promise of an OK, unless the configuration allows it. What the
// kernel does not tell is no reason to fail.
func checkPlace(cfg *config.Config, hw *board.Board, log *slog.Logger) error {
	if !cfg.EnableBroker {
		return nil // a name server's state is learned anew
	}
	place, err := hw.Place(cfg.StoreRoot)
	info := []any{"folder", cfg.StoreRoot, "fileSystem", place.FileSystem(), "device", place.Device()}
	if err != nil {
		info = append(info, "unknown", err)
	}
	worn := false
	if base := place.Base(); base != nil {
		life, err := hw.Life(base)
		if err == nil {
			info = append(info, "life", life.String())
		} else {
			info = append(info, "lifeUnknown", err)
		}
		worn = err == nil && life.Low()
	}
	log.Info("the store's place", info...)
	if worn {
		log.Warn("the flash is nearly worn out: replace the device", "device", place.Base().Name)
	}
	kernel, err := hw.Kernel()
	if err != nil {
		log.Debug("the kernel's version is unknown", "err", err)
	}
	return judgePlace(place.Findings(kernel), cfg.AllowUnsafeMount, log)
}

// judgePlace logs the findings, and makes those that are to be refused an error.
func judgePlace(all []board.Finding, allow bool, log *slog.Logger) error {
	var refused error
	for _, f := range all {
		switch {
		case f.Severity == board.Note:
			log.Info("about the store's place", "note", f.Text)
		case f.Severity == board.Warn || allow:
			log.Warn("the store's place does not keep what is synced", "because", f.Text)
		default:
			refused = errors.Join(refused, fmt.Errorf("%w: %s; allowUnsafeMount=true starts nevertheless", errUnsafeMount, f.Text))
		}
	}
	return refused
}
