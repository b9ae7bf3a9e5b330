package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"pairmq/daemon/config"
	"pairmq/hal/disk"
	"pairmq/store/reset"
)

// finishReset empties the store's folder where pairmq reset has begun to and could not
// finish. It comes before anything else is read there.
func finishReset(cfg *config.Config, log *slog.Logger) error {
	if _, err := os.Lstat(filepath.Join(cfg.StoreRoot, reset.Marker)); err != nil {
		return nil // what is wrong with the folder is said by who opens it
	}
	fsys, err := disk.OS(cfg.StoreRoot)
	if err != nil {
		return err
	}
	lock, err := reset.Lock(fsys)
	if err != nil {
		return err
	}
	done, err := reset.Finish(fsys)
	if done {
		log.Warn("a reset that had begun is finished: messages and consumer offsets are gone", "folder", cfg.StoreRoot)
	}
	return errors.Join(err, lock.Close())
}
