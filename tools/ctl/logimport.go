package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"pairmq/store/archive"
	"pairmq/store/record"
	"pairmq/store/table"
)

// importArgs is what `pairmq log import` was asked for.
type importArgs struct {
	resendArgs        // file "-" or empty: the input
	to         string // topic to send to instead
	skip       int64  // messages of the file that were sent before
}

const importHelp = `Sends the messages of a file that pairmq log export has written, one after the other,
each when the one before was acknowledged: to its topic, which must be there, or to
--to-topic, and to the queue of its number. FILE, or the input, may be lines of JSON or
raw; which one it is shows at its beginning.

Properties, keys, tags, flag, the unique key, the body as it was stored, and the time at
which the message was born stay as they were. Queue offset and store time are new, and
the address it was born at is that of this machine: the protocol does not let a sender
say another. What was delayed is not delayed again. Messages of RocketMQ's own topics,
and transactions that were not committed, are left out.

Nothing prevents a message from being stored twice: after an interruption, or with a
second run, it comes again, with the same unique key. How far it came is printed, and
--skip N leaves out the first N messages of the file.`

func newLogImport(e *env) *cobra.Command {
	var a importArgs
	cmd := &cobra.Command{
		Use: "import [FILE]", Short: "Send the messages of an exported file", Long: importHelp, Args: cobra.MaximumNArgs(1),
		Example: `  pairmq log import --broker 192.0.2.1:10911 saved.pmrx
  pairmq log export --broker 192.0.2.1:10911 -t Orders | pairmq log import --broker 192.0.2.2:10911 --to-topic OldOrders`,
	}
	f := cmd.Flags()
	f.StringVarP(&a.topic, "topic", "t", "", "only messages of one topic")
	f.StringVar(&a.to, "to-topic", "", "topic to send them to; default their own")
	f.StringVar(&a.group, "group", "PAIRMQ_CLI_PRODUCER", "producer group")
	f.Int64Var(&a.skip, "skip", 0, "leave out the first N messages of the file")
	f.BoolVar(&a.dryRun, "dry-run", false, "send nothing, only count and check the file")
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		if len(args) > 0 {
			a.file = args[0]
		}
		if err := a.check(); err != nil {
			return err
		}
		in, modified, err := e.openImport(a.file)
		if err != nil {
			return err
		}
		defer in.Close()
		p := newProgress(e, "messages", true)
		defer p.done()
		r, err := s.importAll(ctx, a, in, modified, p.set)
		p.done()
		if perr := e.printImported(r, a.dryRun); perr != nil {
			return perr
		}
		return r.outcome(err)
	})
	return cmd
}

func (a *importArgs) check() error {
	if err := table.CheckGroupName(a.group); err != nil {
		return usage("--group: %w", err)
	}
	for flag, name := range map[string]string{"--topic": a.topic, "--to-topic": a.to} {
		if name == "" {
			continue
		}
		if err := table.CheckTopicName(name); err != nil {
			return usage("%s: %w", flag, err)
		}
	}
	if a.skip < 0 {
		return usage("--skip %d: it may not be below 0", a.skip)
	}
	return nil
}

// openImport opens the file, or the input. The time is what made-up keys begin with.
func (e *env) openImport(name string) (io.ReadCloser, time.Time, error) {
	if name == "" || name == "-" {
		return io.NopCloser(e.in), time.Now(), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, time.Time{}, missing(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, errors.Join(err, f.Close())
	}
	return f, info.ModTime(), nil
}

// imported counts what became of the messages in a file.
type imported struct {
	resent
	Read int64 `json:"read"` // messages of the file that are done with, those skipped included
}

// importAll sends what in has. It stops at the first message that is not acknowledged,
// unless the broker will never take it.
func (s *session) importAll(ctx context.Context, a importArgs, in io.Reader, modified time.Time, at func(int64)) (*imported, error) {
	out := &imported{resent: resent{Skipped: make(map[string]int)}}
	r := &resending{session: s, args: a.resendArgs, topics: make(map[string]topicQueues), keys: newKeyMaker(modified), done: &out.resent, each: func() {}}
	next, err := archived(in)
	if err != nil {
		return out, err
	}
	for {
		m, err := next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("message %d of the file: %w", out.Read+1, err)
		}
		if out.Read < a.skip {
			out.Read++
			continue
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
		failed := out.Failed
		if err := r.takeAs(ctx, m, a.to); err != nil {
			return out, fmt.Errorf("message %d of the file: %w", out.Read+1, err)
		}
		if out.Failed > failed && triesAgain(out.last) {
			return out, fmt.Errorf("message %d of the file: %w", out.Read+1, out.last)
		}
		out.Read++
		at(out.Read)
	}
}

// takeAs is take, to another topic unless that is empty.
func (r *resending) takeAs(ctx context.Context, m record.Message, topic string) error {
	if why := r.skips(&m); why != "" {
		r.done.Skipped[why]++
		return nil
	}
	m.Topic = cmp.Or(topic, m.Topic)
	return r.deliver(ctx, m)
}

// archived returns a function that gives one message of an exported file after the
// other, then io.EOF.
func archived(in io.Reader) (func() (record.Message, error), error) {
	b := bufio.NewReaderSize(in, 256<<10)
	head, err := b.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !archive.IsRaw(head) {
		return archivedLines(b), nil
	}
	raw, err := archive.NewReader(b, 0)
	if err != nil {
		return nil, err
	}
	return func() (record.Message, error) {
		v, err := raw.Next()
		if err != nil {
			return record.Message{}, err
		}
		return v.Message(), nil
	}, nil
}

func archivedLines(b *bufio.Reader) func() (record.Message, error) {
	return func() (record.Message, error) {
		for {
			line, err := readLine(b, archive.MaxLine)
			if err != nil && !errors.Is(err, io.EOF) {
				return record.Message{}, err
			}
			if line = bytes.TrimSpace(line); len(line) > 0 {
				return archive.ParseLine(line) // the last one may come with io.EOF, and it comes again
			}
			if err != nil {
				return record.Message{}, err
			}
		}
	}
}

// printImported writes what became of the messages.
func (e *env) printImported(r *imported, dryRun bool) error {
	if e.json {
		return e.printJSON(r)
	}
	if err := e.printResent(&r.resent, dryRun); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.out, "came to message %d of the file\n", r.Read)
	return err
}

// outcome makes of err what the command fails with, and says how to go on.
func (r *imported) outcome(err error) error {
	if err == nil {
		return r.failure()
	}
	if r.Read > 0 {
		return fmt.Errorf("%w: go on with --skip %d: %w", errPartly, r.Read, err)
	}
	return err
}
