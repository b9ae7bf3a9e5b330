package index

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"

	"go.etcd.io/bbolt"
)

// Remade is what Remake has made and kept.
type Remade struct {
	Records, Units   int64 // indexed: those of deleted topics are records without a unit
	Chunks           int
	Topics, Groups   int
	Values, Deleted  int
	Offsets          int    // consumer offsets
	Mark             bool   // what SetMark kept
	Lost             string // why nothing could be taken from the file; "" if everything was
	FromBackup       bool   // tables are the backup's, which is newer or all that is left
	OffsetsInJournal bool   // there is a journal, which has the newest consumer offsets
}

// Remake makes the units and keys of the file anew from records, all that the log has,
// in its order. Topics, groups, values, consumer offsets, the mark and what is known
// of deleted topics stay; of a file that is missing or damaged they are taken from
// backup and journal, as Open does. The new file is built beside the old one and takes
// its place, durably, when it is complete: on any error, also one among the records, the
// old one is as it was. Nobody may have the index open.
func Remake(opts Options, records iter.Seq2[Record, error]) (done Remade, err error) {
	if opts.FS == nil {
		return done, errors.New("index: Options.FS is required")
	}
	opts.setDefaults()
	old := opts.File
	opts.File += ".new"
	opts.NoSync = true // until it is complete
	x := &Index{opts: opts, log: opts.Log}
	x.reset()
	r := &remake{x: x, old: old, done: &done}
	if err := r.build(records); err != nil {
		if x.db != nil {
			err = errors.Join(err, x.db.Close())
		}
		if rerr := opts.FS.Remove(opts.File); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
		return done, errors.Join(err, x.offsets.close())
	}
	if err := errors.Join(x.offsets.close(), x.db.Close()); err != nil {
		return done, fmt.Errorf("index: close %s: %w", opts.File, err)
	}
	if err := opts.FS.Rename(opts.File, old); err != nil {
		return done, fmt.Errorf("index: put %s in the place of %s: %w", opts.File, old, err)
	}
	if err := opts.FS.SyncDir("."); err != nil {
		return done, fmt.Errorf("index: sync the folder of %s: %w", old, err)
	}
	return done, nil
}

// remake is one Remake under way. x is the index in the new file.
type remake struct {
	x    *Index
	old  string
	done *Remade
}

func (r *remake) build(records iter.Seq2[Record, error]) error {
	x := r.x
	if err := x.opts.FS.Remove(x.opts.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("index: remove what an earlier attempt left: %w", err)
	}
	if err := x.createFile(); err != nil {
		return err
	}
	if err := r.keep(); err != nil {
		return err
	}
	if err := r.apply(records); err != nil {
		return err
	}
	r.count()
	x.write.Lock()
	defer x.write.Unlock()
	if err := x.foldOnly(); err != nil {
		return err
	}
	if err := x.db.Sync(); err != nil {
		return fmt.Errorf("index: sync %s: %w", x.opts.File, err)
	}
	return nil
}

// keep takes over all that is not made anew.
func (r *remake) keep() error {
	x := r.x
	err := r.copyFile()
	if errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		r.done.Lost, err = err.Error(), nil
	}
	if err != nil {
		return err
	}
	x.reset()
	if err := x.loadFile(); err != nil {
		return err
	}
	if r.done.FromBackup, err = x.restore(); err != nil {
		return err
	}
	return r.readJournal()
}

// copyFile copies everything of the old file but the chunks, after a look at every
// value. It fails with ErrDamaged, and then has copied nothing.
func (r *remake) copyFile() error {
	o := r.x.opts
	o.File = r.old
	from := &Index{opts: o, log: o.Log}
	from.reset()
	f, err := o.FS.Open(o.File)
	if err != nil {
		return fmt.Errorf("index: open %s: %w", o.File, err)
	}
	if err := errors.Join(checkPages(f), f.Close()); err != nil {
		return err
	}
	if err := from.openBoltToRead(); err != nil {
		return fmt.Errorf("index: open %s: %w", o.File, err)
	}
	err = from.view(func(source *bbolt.Tx) error {
		if format, err := number(source, stateFormat); err != nil || format != fileFormat {
			return errors.Join(err, fmt.Errorf("%w: %s has format %d, this version reads %d", ErrFormat, o.File, format, fileFormat))
		}
		return r.x.update(func(tx *bbolt.Tx) error { return copyBuckets(tx, source) })
	})
	if errors.Is(err, ErrDamaged) {
		r.x.failed.Store(nil) // nothing was committed
	}
	return errors.Join(err, from.db.Close())
}

func copyBuckets(tx, from *bbolt.Tx) error {
	for _, name := range buckets() {
		if name == bucketChunks {
			continue
		}
		if from.Bucket([]byte(name)) == nil {
			return fmt.Errorf("%w: no bucket %s", ErrDamaged, name)
		}
		err := each(from, name, func(key, content []byte) error { return put(tx, name, key, content) })
		if err != nil {
			return err
		}
	}
	return putNumber(tx, stateCheckpoint, 0)
}

// readJournal brings the consumer offsets up to date, and leaves the journal as it is.
func (r *remake) readJournal() error {
	o := &r.x.offsets
	f, err := r.x.opts.FS.Open(r.x.opts.Journal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("index: open %s: %w", r.x.opts.Journal, err)
	}
	o.journal.f = f
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("index: size of %s: %w", r.x.opts.Journal, err)
	}
	o.journal.half, o.journal.sequence = size/2/pageSize*pageSize, o.folded
	if size >= 4*pageSize {
		r.x.replayJournal()
		r.done.OffsetsInJournal = true
	}
	return nil
}

// apply indexes the records, and writes each chunk that is complete.
func (r *remake) apply(records iter.Seq2[Record, error]) error {
	x := r.x
	for rec, err := range records {
		if err != nil {
			return fmt.Errorf("index: make it anew behind %d: %w", x.end, err)
		}
		r.done.Records++
		x.Apply(rec)
		if len(x.closed) > 0 {
			if err := x.Seal(math.MaxInt64); err != nil {
				return err
			}
		}
	}
	return x.SealAll(math.MaxInt64)
}

func (r *remake) count() {
	x, done := r.x, r.done
	for _, t := range x.topics {
		for id := range t.byID {
			done.Units += x.Units(t.name, id)
		}
	}
	done.Chunks = len(x.sealed)
	done.Topics, done.Groups, done.Values, done.Mark = len(x.tables.topics), len(x.tables.groups), len(x.tables.values), len(x.tables.mark) > 0
	done.Deleted = len(x.deleted)
	for _, list := range x.AllOffsets() {
		done.Offsets += len(list)
	}
}
