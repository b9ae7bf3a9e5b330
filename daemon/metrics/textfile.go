package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// textfilePeriod is how often a textfile is written: as often as node_exporter is
// usually asked for it.
const textfilePeriod = 15 * time.Second

// KeepTextfile writes what page returns to the file at path every 15 s, until ctx
// ends; then it removes the file, lest somebody takes its values for new ones. Who
// reads it finds one page, whole. failed is told of an error for the first time, and
// of nil when it works again.
func KeepTextfile(ctx context.Context, path string, page func() []byte, failed func(error)) {
	tick := time.NewTicker(textfilePeriod)
	defer tick.Stop()
	for bad := false; ; {
		err := writeTextfile(path, page())
		if (err != nil) != bad {
			bad = err != nil
			failed(err)
		}
		select {
		case <-ctx.Done():
			_ = os.Remove(path) // perhaps it was never there
			return
		case <-tick.C:
		}
	}
}

// writeTextfile replaces the file at path by one with that text. It syncs nothing:
// what it writes is worth nothing after a power cut.
func writeTextfile(path string, text []byte) error {
	next := path + ".tmp" // node_exporter reads *.prom alone
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("metrics: %w", err)
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		_ = os.Remove(next)
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}
