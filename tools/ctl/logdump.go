package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pairmq/store/archive"
	"pairmq/store/folder"
	"pairmq/store/record"
)

const dumpHelp = `Shows the records of a commit log, in their order, one per line, or with --json as
export writes them. DIR is a store's folder (storePathRootDir), or a copy of one, be it
only its commitlog/. Where the log is damaged, a line says so, and the dump goes on at
the next good record.

--body says how bodies are shown: text (decompressed, where the standard library knows
how), base64 (as stored), or none.`

// How dump shows bodies.
const (
	bodyText   = "text"
	bodyBase64 = "base64"
	bodyNone   = "none"
)

func newLogDump(e *env) *cobra.Command {
	var sel selection
	var body string
	var segmentSize int64
	cmd := &cobra.Command{
		Use: "dump DIR", Short: "Show the records of a log, and where it is damaged", Long: dumpHelp, Args: cobra.ExactArgs(1),
		Example: `  pairmq log dump /var/lib/pairmq --topic Orders --since 10m --body text`,
	}
	sel.flags(cmd)
	cmd.Flags().StringVar(&body, "body", bodyNone, "how bodies are shown: text, base64 or none")
	cmd.Flags().Int64Var(&segmentSize, "segment-size", 0, "mappedFileSizeCommitLog in bytes; default what the files say")
	cmd.RunE = doesHere(func(ctx context.Context, args []string) error {
		if err := sel.check(time.Now()); err != nil {
			return err
		}
		if body != bodyText && body != bodyBase64 && body != bodyNone {
			return usage("--body %s: text, base64 or none", body)
		}
		f, err := e.openLog(args[0], segmentSize)
		if err != nil {
			return err
		}
		defer f.Close()
		for _, l := range f.Layout {
			if err := e.printWrong(l); err != nil {
				return err
			}
		}
		return sel.each(ctx, f.Log, func(v record.View) error { return e.printRecord(v, body) }, e.printWrong, func(int64) {})
	})
	return cmd
}

// printRecord writes a record as a line.
func (e *env) printRecord(v record.View, body string) error {
	if e.json {
		m := v.Message()
		line, err := archive.AppendLine(nil, &m, body != bodyNone)
		if err == nil {
			_, err = e.out.Write(line)
		}
		return err
	}
	m := newMessage(v.Message(), queue{id: v.QueueID()})
	text := ""
	switch {
	case body == bodyBase64:
		text = "  " + base64.StdEncoding.EncodeToString(v.Body())
	case body == bodyText && m.note != "":
		text = "  (" + m.note + ")"
	case body == bodyText:
		text = "  " + safe(string(m.Body))
	}
	_, err := fmt.Fprintf(e.out, "%d  %s/%d  offset %d  %s  tag %s  keys %s  %d bytes%s\n", m.PhyOffset, safe(m.Topic), m.QueueID, m.QueueOffset,
		timestamp(m.StoreTimestamp), orDash(m.property(record.PropertyTags)), orDash(m.property(record.PropertyKeys)), v.Size(), text)
	return err
}

// printWrong writes where a log is damaged as a line.
func (e *env) printWrong(f folder.Finding) error {
	if e.json {
		return e.printJSON(f)
	}
	_, err := fmt.Fprintf(e.out, "%s  %s  %d bytes  %s: %s\n", place(f.PhyOffset), f.Kind, f.Length, safe(f.File), findingText(&f))
	return err
}
