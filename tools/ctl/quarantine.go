package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"pairmq/store/record"
	"pairmq/store/table"
)

// defaultStore is where the package keeps pairmqd's store.
const defaultStore = "/var/lib/pairmq"

func newQuarantine(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "quarantine", Short: "Use what pairmqd set aside", Args: cobra.ArbitraryArgs, RunE: onlyCommands}
	cmd.AddCommand(newQuarantineList(e), newQuarantineShow(e), newQuarantineSend(e))
	return cmd
}

const quarantineListHelp = `Lists the files of commit log that pairmqd has set aside below DIR/quarantine, DIR being
its storePathRootDir: what a slave had and its master has not, torn tails, bytes that
were replaced. The oldest comes first.`

func newQuarantineList(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "list [DIR]", Short: "List the files", Long: quarantineListHelp, Args: cobra.MaximumNArgs(1)}
	dir := cmd.Flags().String("dir", defaultStore, "the store's folder")
	cmd.RunE = doesHere(func(_ context.Context, args []string) error {
		if len(args) > 0 {
			if cmd.Flags().Changed("dir") {
				return usage("DIR and --dir: only one of them")
			}
			*dir = args[0]
		}
		all, err := listAsides(*dir)
		if err != nil {
			return err
		}
		return e.printAsides(all)
	})
	return cmd
}

func newQuarantineShow(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "show FILE", Short: "Show the messages in a file", Args: cobra.ExactArgs(1)}
	bodies := cmd.Flags().Bool("bodies", false, "their bodies as well")
	cmd.RunE = doesHere(func(_ context.Context, args []string) error {
		a, err := statAside(args[0])
		if err != nil {
			return err
		}
		return a.each(func(p part) error { return e.printPart(&a, p, *bodies) })
	})
	return cmd
}

// resendArgs is what `pairmq log quarantine send` was asked for.
type resendArgs struct {
	file   string
	topic  string // empty: all
	group  string
	dryRun bool
}

const quarantineSendHelp = `Sends every whole sound message in FILE once more: to its topic, with its properties
and its body, to a queue of the same number where there is one. Its unique key stays
the same, by which consumers can tell that they have seen it.

Messages are sent at least once: after an interruption, or with a second run, they
come again. Those of RocketMQ's own topics, and transactions that were not
committed, are left out.`

func newQuarantineSend(e *env) *cobra.Command {
	var a resendArgs
	cmd := &cobra.Command{Use: "send FILE", Short: "Send the messages in a file once more", Long: quarantineSendHelp, Args: cobra.ExactArgs(1)}
	f := cmd.Flags()
	f.StringVarP(&a.topic, "topic", "t", "", "only those of one topic")
	f.StringVar(&a.group, "group", "PAIRMQ_CLI_PRODUCER", "producer group")
	f.BoolVar(&a.dryRun, "dry-run", false, "send nothing, only count")
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		a.file = args[0]
		if err := table.CheckGroupName(a.group); err != nil {
			return usage("--group: %w", err)
		}
		p := newProgress(e, "sent", !a.dryRun)
		defer p.done()
		r, err := s.resend(ctx, a, func() { p.add(1) })
		p.done()
		if r == nil {
			return err
		}
		if perr := e.printResent(r, a.dryRun); perr != nil {
			return perr
		}
		if err != nil {
			return err
		}
		return r.failure()
	})
	return cmd
}

// printAsides writes a table, or JSON.
func (e *env) printAsides(all []aside) error {
	type line struct {
		File     string    `json:"file"`
		From     int64     `json:"from"` // bytes, in the log
		Size     int64     `json:"size"`
		Messages int       `json:"messages"` // whole sound records
		Other    int64     `json:"otherBytes"`
		Modified time.Time `json:"modified"`
	}
	lines := []line{}
	for _, a := range all {
		l := line{File: a.path, From: a.base, Size: a.size, Modified: a.modified.UTC()}
		err := a.each(func(p part) error {
			if p.sound {
				l.Messages++
			} else {
				l.Other += p.size
			}
			return nil
		})
		if err != nil {
			return err
		}
		lines = append(lines, l)
	}
	if e.json {
		return e.printJSON(lines)
	}
	rows := [][]string{{"FILE", "FROM", "SIZE", "MESSAGES", "OTHER BYTES", "SET ASIDE"}}
	for _, l := range lines {
		rows = append(rows, []string{safe(l.File), strconv.FormatInt(l.From, 10), size(l.Size), strconv.Itoa(l.Messages), strconv.FormatInt(l.Other, 10), l.Modified.Format(time.RFC3339)})
	}
	return printTable(e.out, rows)
}

// printPart writes a message, or how many bytes belong to none.
func (e *env) printPart(a *aside, p part, bodies bool) error {
	if !p.sound {
		return e.printGap(a, p)
	}
	m := newMessage(p.rec.Message(), queue{id: p.rec.QueueID()})
	if e.json {
		return e.printJSON(newAsideLine(&m, p.size, bodies))
	}
	text := ""
	if bodies {
		text = "  " + safe(string(m.Body))
	}
	if bodies && m.note != "" {
		text = "  (" + m.note + ")"
	}
	_, err := fmt.Fprintf(e.out, "%d  %s/%d  offset %d  %s  tag %s  keys %s  %d bytes%s\n", m.PhyOffset, safe(m.Topic), m.QueueID, m.QueueOffset,
		timestamp(m.StoreTimestamp), orDash(m.property(record.PropertyTags)), orDash(m.property(record.PropertyKeys)), p.size, text)
	return err
}

func (e *env) printGap(a *aside, p part) error {
	at := max(a.base, 0) + p.at
	if e.json {
		return e.printJSON(struct {
			PhyOffset int64  `json:"phyOffset"`
			Size      int64  `json:"size"`
			Note      string `json:"note"`
		}{at, p.size, "no whole record"})
	}
	_, err := fmt.Fprintf(e.out, "%d  no whole record  %d bytes\n", at, p.size)
	return err
}

// An asideLine is a message that was set aside, for programs.
type asideLine struct {
	PhyOffset      int64   `json:"phyOffset"`
	Size           int64   `json:"size"` // bytes of its record
	Topic          string  `json:"topic"`
	QueueID        int32   `json:"queueId"`
	QueueOffset    int64   `json:"queueOffset"`
	StoreTimestamp int64   `json:"storeTimestamp"`
	MsgID          string  `json:"msgId,omitempty"`
	Tags           string  `json:"tags,omitempty"`
	Keys           string  `json:"keys,omitempty"`
	Note           string  `json:"note,omitempty"`
	Body           *string `json:"body,omitempty"`
	BodyBase64     []byte  `json:"bodyBase64,omitempty"`
}

func newAsideLine(m *message, size int64, bodies bool) asideLine {
	l := asideLine{
		PhyOffset: m.PhyOffset, Size: size, Topic: m.Topic, QueueID: m.QueueID, QueueOffset: m.QueueOffset, StoreTimestamp: m.StoreTimestamp,
		MsgID: m.property(record.PropertyUniqKey), Tags: m.property(record.PropertyTags), Keys: m.property(record.PropertyKeys),
	}
	if !bodies {
		return l
	}
	l.Note = m.note
	if body := string(m.Body); utf8.ValidString(body) {
		l.Body = &body
	} else {
		l.BodyBase64 = m.Body
	}
	return l
}
