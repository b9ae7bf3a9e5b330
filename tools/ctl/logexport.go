package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"pairmq/store/archive"
	"pairmq/store/folder"
	"pairmq/store/record"
)

// exportArgs is what `pairmq log export` was asked for.
type exportArgs struct {
	selection
	raw         bool
	file        string // empty: the output
	segmentSize int64
}

const exportHelp = `Writes messages to a file, from which pairmq log import sends them to a broker: from
DIR, the folder of a store (storePathRootDir) whose pairmqd does not run, or a copy of
one from a device that died, be it only its commitlog/; or from a running broker, by
pulling, which leaves no trace there.

A file has a JSON object on each line, with the message's properties as an object and
its body as base64, or with --raw the bytes of whole records behind a small head and
before a checksum, by which a file that was cut off is noticed. Bodies are as they are
stored, compressed ones too.

From DIR everything that is whole is exported, in the log's order, what is damaged is
listed, and the exit code is 4 then. Halves of transactions come too: import leaves
those out that were not committed. From a broker, a queue follows the other, and topics
of RocketMQ itself are left out.`

func newLogExport(e *env) *cobra.Command {
	var a exportArgs
	cmd := &cobra.Command{
		Use: "export DIR | --broker HOST:PORT", Short: "Write messages to a file", Long: exportHelp, Args: cobra.MaximumNArgs(1),
		Example: `  pairmq log export /mnt/dead/pairmq --raw -o saved.pmrx
  pairmq log export --broker 192.0.2.1:10911 --topic Orders --since 2h -o orders.ndjson`,
	}
	a.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&a.raw, "raw", false, "whole records instead of lines of JSON")
	f.StringVarP(&a.file, "output", "o", "", "file to be made; default the output")
	f.Int64Var(&a.segmentSize, "segment-size", 0, "of DIR, mappedFileSizeCommitLog in bytes; default what the files say")
	work := func(ctx context.Context, from func(*exporter) error) error {
		if err := a.check(time.Now()); err != nil {
			return err
		}
		return e.export(a, from)
	}
	offline := doesHere(func(ctx context.Context, args []string) error {
		if e.broker != "" {
			return usage("DIR and --broker: only one of them")
		}
		return work(ctx, func(x *exporter) error { return e.exportFolder(ctx, args[0], a, x) })
	})
	online := e.does(func(ctx context.Context, s *session, _ []string) error {
		if s.broker == "" {
			return usage("--broker is missing, or DIR: whose messages?")
		}
		return work(ctx, func(x *exporter) error { return s.exportBroker(ctx, a, x) })
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return offline(cmd, args)
		}
		return online(cmd, args)
	}
	return cmd
}

// An exporter writes messages to a file.
type exporter struct {
	w        *bufio.Writer
	raw      *archive.Writer // nil: lines
	line     []byte
	messages int64
	bytes    int64 // of their records
	wrong    int64 // places that are damaged
}

// write writes one message.
func (x *exporter) write(v record.View) (err error) {
	x.messages++
	x.bytes += int64(v.Size())
	if x.raw != nil {
		return x.raw.Write(v)
	}
	m := v.Message()
	if x.line, err = archive.AppendLine(x.line[:0], &m, true); err == nil {
		_, err = x.w.Write(x.line)
	}
	return err
}

// finish writes the end.
func (x *exporter) finish() error {
	if x.raw != nil {
		if err := x.raw.Close(); err != nil {
			return err
		}
	}
	return x.w.Flush()
}

// export makes the file, has from write messages to it, and says what became of it. A
// raw file whose export failed has no end, so that it is never taken for a whole one.
func (e *env) export(a exportArgs, from func(*exporter) error) error {
	out := e.out
	var file *os.File
	if a.file != "" {
		var err error
		if file, err = os.OpenFile(a.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return usage("--output: %w; a file that exists is never replaced", err)
		}
		defer file.Close()
		out = file
	}
	x, err := newExporter(out, a.raw)
	if err == nil {
		if err = from(x); err == nil {
			err = x.finish()
		} else {
			err = firstOf(err, x.w.Flush())
		}
	}
	if file != nil {
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err != nil && x.messages == 0 {
		if file != nil {
			err = errors.Join(err, os.Remove(a.file))
		}
		return err
	}
	return e.exported(a, x, err)
}

func newExporter(w io.Writer, raw bool) (x *exporter, err error) {
	x = &exporter{w: bufio.NewWriterSize(w, 256<<10)}
	if raw {
		x.raw, err = archive.NewWriter(x.w)
	}
	return x, err
}

// exported tells what an export came to.
func (e *env) exported(a exportArgs, x *exporter, err error) error {
	to := e.err
	if a.file != "" {
		to = e.out
	}
	if e.json {
		enc := *e
		enc.out = to
		if perr := enc.printJSON(map[string]int64{"messages": x.messages, "bytes": x.bytes, "damagedPlaces": x.wrong}); perr != nil {
			return perr
		}
	} else if _, perr := fmt.Fprintf(to, "exported messages %d, %s of records\n", x.messages, size(x.bytes)); perr != nil {
		return perr
	}
	switch {
	case err != nil && x.messages > 0:
		return fmt.Errorf("%w: the file has messages %d: %w", errPartly, x.messages, err)
	case err == nil && x.wrong > 0:
		return fmt.Errorf("%w: the log is damaged in %d places, see above", errPartly, x.wrong)
	}
	return err
}

// exportFolder exports what a folder has.
func (e *env) exportFolder(ctx context.Context, dir string, a exportArgs, x *exporter) error {
	f, err := e.openLog(dir, a.segmentSize)
	if err != nil {
		return err
	}
	defer f.Close()
	wrong := func(w folder.Finding) error {
		if w.Kind != folder.TornTail && w.Kind != folder.IndexDamaged { // nothing that was acknowledged is lost with these
			x.wrong++
		}
		_, err := fmt.Fprintf(e.err, "%s  %s  %d bytes  %s: %s\n", place(w.PhyOffset), w.Kind, w.Length, safe(w.File), findingText(&w))
		return err
	}
	for _, l := range f.Layout {
		if err := wrong(l); err != nil {
			return err
		}
	}
	start := f.Log.Start()
	p := newProgress(e, fmt.Sprintf("of %d MiB read", (f.Log.Limit()-start)>>20), a.file != "")
	defer p.done()
	return a.each(ctx, f.Log, x.write, wrong, func(off int64) { p.set((off - start) >> 20) })
}
