package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"

	"pairmq/hal/disk"
	"pairmq/store"
	"pairmq/store/folder"
	"pairmq/store/index"
	"pairmq/store/record"
	"pairmq/store/reset"
)

const rebuildHelp = `Makes the consume queues and keys in DIR/meta.db anew from the log. DIR is the folder
(storePathRootDir) of a pairmqd that does not run: its lock is taken.

Topics, groups, consumer offsets, the mark of the last stop, epochs and what is known of
deleted topics stay. Of a meta.db that is missing or cannot be read they are taken from
meta.bak and offsets.wal, but for the mark: the next start reads the end of the log then.

The new file is built beside the old one, which it replaces when it is complete and on
flash: until then, and after any failure or interruption, the old one is as it was. What
is damaged in the log is listed, and has no place in the queues; the exit code is 4 then.`

func newLogRebuild(e *env) *cobra.Command {
	var segmentSize int64
	cmd := &cobra.Command{Use: "rebuild-index DIR", Short: "Make the index anew from the log, offline", Long: rebuildHelp, Args: cobra.ExactArgs(1)}
	cmd.Flags().Int64Var(&segmentSize, "segment-size", 0, "mappedFileSizeCommitLog in bytes; default what the files say")
	cmd.RunE = doesHere(func(ctx context.Context, args []string) error {
		r, err := e.rebuildIndex(ctx, args[0], segmentSize)
		if err != nil {
			return err
		}
		if err := e.printRebuilt(r); err != nil {
			return err
		}
		if r.Wrong > 0 {
			return fmt.Errorf("%w: the log is damaged in %d places, see above", errPartly, r.Wrong)
		}
		return nil
	})
	return cmd
}

// rebuilt is what came out of making an index anew.
type rebuilt struct {
	Bytes   int64   `json:"bytes"` // of the log
	Seconds float64 `json:"seconds"`
	Wrong   int64   `json:"damagedPlaces"`
	Made    struct {
		Records  int64 `json:"records"`
		Messages int64 `json:"messages"` // in queues
		Chunks   int   `json:"chunks"`
	} `json:"made"`
	Kept struct {
		Topics  int    `json:"topics"`
		Groups  int    `json:"groups"`
		Offsets int    `json:"consumerOffsets"`
		Values  int    `json:"values"`
		Deleted int    `json:"deletedTopics"`
		Mark    bool   `json:"mark"`
		Lost    string `json:"metaDbLost,omitempty"` // why nothing came from meta.db
		Backup  bool   `json:"fromBackup,omitempty"`
	} `json:"kept"`
}

func (e *env) rebuildIndex(ctx context.Context, dir string, segmentSize int64) (*rebuilt, error) {
	f, err := openFolder(dir, folder.Options{SegmentSize: segmentSize, NoIndex: true})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.InUse {
		return nil, fmt.Errorf("%w: stop it first", folder.ErrInUse)
	}
	if f.SegmentsAlone {
		return nil, usage("%s has segments alone: DIR is the folder above commitlog", dir)
	}
	fsys, err := disk.OS(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(fsys.RealPath(reset.Marker)); err == nil {
		return nil, fmt.Errorf("a reset of %s has begun and must be finished: start pairmqd, or pairmq reset %s", dir, dir)
	}
	r := &rebuilt{}
	begin, first := time.Now(), f.Log.Start()
	p := newProgress(e, fmt.Sprintf("of %d MiB indexed", (f.Log.Limit()-first)>>20), true)
	defer p.done()
	wrong := func(w folder.Finding) error {
		if w.Kind != folder.TornTail && w.Kind != folder.ForeignFile { // neither has a message of this log
			r.Wrong++
		}
		_, err := fmt.Fprintf(e.err, "%s  %s  %d bytes  %s: %s\n", place(w.PhyOffset), w.Kind, w.Length, safe(w.File), findingText(&w))
		return err
	}
	for _, l := range f.Layout {
		if err := wrong(l); err != nil {
			return nil, err
		}
	}
	end := first
	done, err := store.RebuildIndex(fsys, slog.New(slog.DiscardHandler), func(yield func(record.View, error) bool) {
		for part, err := range f.Log.Parts(ctx, 0, math.MaxInt64) {
			switch {
			case err != nil:
			case part.Kind == folder.Wrong:
				err = wrong(part.Finding)
			case part.Kind == folder.TheEnd:
				end = part.Off
			}
			p.set((part.Off - first) >> 20)
			if err != nil {
				yield(record.View{}, err)
				return
			}
			if part.Kind == folder.ARecord && !yield(part.Record, nil) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	r.Bytes, r.Seconds = end-first, time.Since(begin).Seconds()
	r.fill(&done)
	return r, nil
}

func (r *rebuilt) fill(done *index.Remade) {
	r.Made.Records, r.Made.Messages, r.Made.Chunks = done.Records, done.Units, done.Chunks
	k := &r.Kept
	k.Topics, k.Groups, k.Offsets, k.Values, k.Deleted, k.Mark = done.Topics, done.Groups, done.Offsets, done.Values, done.Deleted, done.Mark
	k.Lost, k.Backup = done.Lost, done.FromBackup
}

// printRebuilt says what was made and what was kept.
func (e *env) printRebuilt(r *rebuilt) error {
	if e.json {
		return e.printJSON(r)
	}
	k := &r.Kept
	if k.Lost != "" {
		if _, err := fmt.Fprintf(e.out, "meta.db could not be read: %s\n", safe(k.Lost)); err != nil {
			return err
		}
	}
	from := "meta.db"
	switch {
	case k.Backup:
		from = "meta.bak and offsets.wal"
	case k.Lost != "":
		from = "offsets.wal"
	}
	mark := "the mark of the last stop"
	if !k.Mark {
		mark = "no mark of the last stop"
	}
	_, err := fmt.Fprintf(e.out, "made anew: messages %d of records %d, from %s of log, %.1f MB/s\nkept of %s: topics %d, groups %d, consumer offsets %d, values %d, deleted topics %d, %s\n",
		r.Made.Messages, r.Made.Records, size(r.Bytes), float64(r.Bytes)/1e6/max(r.Seconds, 1e-3), from, k.Topics, k.Groups, k.Offsets, k.Values, k.Deleted, mark)
	return err
}
