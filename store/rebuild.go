package store

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"path"

	"pairmq/hal/disk"
	"pairmq/store/index"
	"pairmq/store/record"
)

// RebuildIndex makes consume queues and keys of the store in fsys anew from records,
// all that its log has, in its order; see index.Remake for what stays. No store may be
// open there: it takes the lock, and fails if somebody has it. What follows a damaged
// place belongs to records too: the queues have a gap there.
func RebuildIndex(fsys disk.FS, log *slog.Logger, records iter.Seq2[record.View, error]) (done index.Remade, err error) {
	lock, err := fsys.Lock("LOCK")
	if err != nil {
		return done, fmt.Errorf("store: %w; is a pairmqd running on this folder?", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := syncSegments(fsys); err != nil {
		return done, err
	}
	return index.Remake(index.Options{FS: fsys, File: indexFile, Journal: offsetsFile, Backup: backupFile, Quarantine: quarantineDir, Log: log},
		func(yield func(index.Record, error) bool) {
			noted := newGatherer()
			for v, err := range records {
				if err != nil {
					yield(index.Record{}, err)
					return
				}
				if noted.reset(); !yield(*noted.add(&v), nil) {
					return
				}
			}
		})
}

// syncSegments forces to flash what of the log is in the kernel's memory alone, as
// after a crash of the process: what the index knows counts as durable.
func syncSegments(fsys disk.FS) error {
	entries, err := fsys.ReadDir(commitLogDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: list segments: %w", err)
	}
	for _, e := range entries {
		if e.Dir {
			continue
		}
		f, err := fsys.Open(path.Join(commitLogDir, e.Name))
		if err != nil {
			return fmt.Errorf("store: sync segment %s: %w", e.Name, err)
		}
		if err := errors.Join(f.Datasync(), f.Close()); err != nil {
			return fmt.Errorf("store: sync segment %s: %w", e.Name, err)
		}
	}
	return nil
}
