package main

import (
	"context"
	"math"
	"time"

	"github.com/spf13/cobra"

	"pairmq/store/folder"
	"pairmq/store/record"
	"pairmq/store/table"
)

// A selection says which messages of a log are meant.
type selection struct {
	topic        string // empty: all
	queue        int32  // below 0: all
	from, to     int64  // log offsets; to 0 means the end
	first, end   int64  // queue offsets; end 0 means the end
	since, until int64  // store timestamps, ms, both included; until 0 means now
	limit        int64  // messages; 0 for no limit

	sinceText, untilText string
}

// flags adds the flags of a selection to a command.
func (s *selection) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&s.topic, "topic", "t", "", "only messages of one topic")
	f.Int32Var(&s.queue, "queue", -1, "only of the queue with this number")
	f.Int64Var(&s.from, "from", 0, "only records at this offset of the log or behind, in bytes")
	f.Int64Var(&s.to, "to", 0, "only records before this offset of the log")
	f.Int64Var(&s.first, "queue-from", 0, "only messages at this queue offset or behind")
	f.Int64Var(&s.end, "queue-to", 0, "only messages before this queue offset")
	f.StringVar(&s.sinceText, "since", "", "only messages stored then or later: 2026-11-23T10:00:00Z, ms since 1970, or a time ago such as 10m")
	f.StringVar(&s.untilText, "until", "", "only messages stored then or earlier")
	f.Int64VarP(&s.limit, "limit", "n", 0, "stop after so many messages; 0 for no limit")
}

// check reads the times and refuses what means nothing.
func (s *selection) check(now time.Time) (err error) {
	if s.topic != "" {
		if err := table.CheckTopicName(s.topic); err != nil {
			return usage("--topic: %w", err)
		}
	}
	if s.from < 0 || s.to < 0 || s.first < 0 || s.end < 0 || s.limit < 0 {
		return usage("--from %d, --to %d, --queue-from %d, --queue-to %d, --limit %d: none may be below 0", s.from, s.to, s.first, s.end, s.limit)
	}
	for _, t := range []struct {
		flag, text string
		to         *int64
	}{{"--since", s.sinceText, &s.since}, {"--until", s.untilText, &s.until}} {
		if t.text == "" {
			continue
		}
		if *t.to, err = parseTime(t.text, now); err != nil {
			return usage("%s %s: write 2026-11-23T10:00:00Z, milliseconds since 1970, or a time ago such as 10m", t.flag, t.text)
		}
	}
	return nil
}

// has says whether a record is meant.
func (s *selection) has(v *record.View) bool {
	at, stored, offset := v.PhyOffset(), v.StoreTimestamp(), v.QueueOffset()
	return (s.topic == "" || string(v.Topic()) == s.topic) && (s.queue < 0 || v.QueueID() == s.queue) &&
		at >= s.from && (s.to == 0 || at < s.to) && offset >= s.first && (s.end == 0 || offset < s.end) &&
		stored >= s.since && (s.until == 0 || stored <= s.until)
}

// each calls record for every record of the log that is meant, and wrong for what is
// damaged on the way, if that is set. at is told how far it came.
func (s *selection) each(ctx context.Context, l *folder.Log, rec func(record.View) error, wrong func(folder.Finding) error, at func(off int64)) error {
	to := s.to
	if to == 0 {
		to = math.MaxInt64
	}
	var n int64
	for p, err := range l.Parts(ctx, s.from, to) {
		if err != nil {
			return err
		}
		at(p.Off)
		switch {
		case p.Kind == folder.Wrong:
			err = wrong(p.Finding)
		case p.Kind == folder.ARecord && s.has(&p.Record):
			if err = rec(p.Record); err == nil {
				if n++; n == s.limit {
					return nil
				}
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
