package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pairmq/store/table"
)

// consumeArgs is what `pairmq consume` was asked for.
type consumeArgs struct {
	topic  string
	queue  string // empty: all
	group  string // empty: no offsets are kept
	from   start
	count  int64 // 0: no limit
	follow bool
	tags   tagFilter
	commit bool
	force  bool
}

const consumeHelp = `Reads a topic's messages and prints them, to their end or, with --follow, until it
is stopped. Order is kept within a queue.

With --group it starts at the group's committed offsets and commits what it has
printed, once a second and at the end. It pulls all queues by itself and takes no part in
the group's rebalancing, so it refuses a group that has consumers online: they
would get the same messages (--force does it all the same).
Without --group it starts at the first message and leaves no trace.

--from says where to start instead:
  first, last            the oldest message there is, or only what comes from now on
  offset:N or N          that queue offset, in every queue
  time:T                 the first message stored at T or later: 2026-11-23T10:00:00Z,
                         milliseconds since 1970, or a time ago such as 90s, 10m, 2h`

func newConsume(e *env) *cobra.Command {
	a := consumeArgs{}
	var from, tags string
	var raw bool
	cmd := &cobra.Command{
		Use: "consume --topic TOPIC", Short: "Read messages", Long: consumeHelp,
		Example: `  pairmq consume --topic Orders --from first --count 10
  pairmq consume --topic Orders --group audit --follow --json
  pairmq consume --topic Orders --queue gateway-a/3 --from time:10m --tag 'new || changed'`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVarP(&a.topic, "topic", "t", "", "topic to read; required")
	f.StringVarP(&a.group, "group", "g", "", "consumer group whose offsets are used and committed")
	f.StringVar(&a.queue, "queue", "", "queue to read, number or brokerName/number; default all")
	f.StringVar(&from, "from", "", "first, last, offset:N or time:T; default the group's offsets, else first")
	f.Int64VarP(&a.count, "count", "n", 0, "stop after so many messages; 0 for no limit")
	f.BoolVarP(&a.follow, "follow", "f", false, "wait for more at the end")
	f.StringVar(&tags, "tag", "*", "only messages with this tag, or one of several: 'a || b'")
	f.BoolVar(&a.commit, "commit", true, "commit the group's offsets")
	f.BoolVar(&a.force, "force", false, "consume although the group has consumers online")
	f.BoolVar(&raw, "raw", false, "print bodies alone, as they are, each with a line end")
	markRequired(cmd, "topic")
	cmd.RunE = e.does(func(ctx context.Context, s *session, _ []string) (err error) {
		if a.from, err = parseStart(from, time.Now()); err != nil {
			return err
		}
		if err := a.check(); err != nil {
			return err
		}
		a.tags = parseTags(tags)
		p := newProgress(e, "messages", e.json || raw)
		defer p.done()
		return s.consume(ctx, a, func(m message) error {
			p.add(1)
			return e.printMessage(m, raw)
		})
	})
	return cmd
}

func (a *consumeArgs) check() error {
	if err := table.CheckTopicName(a.topic); err != nil {
		return usage("--topic: %w", err)
	}
	if a.group != "" {
		if err := table.CheckGroupName(a.group); err != nil {
			return usage("--group: %w", err)
		}
	}
	if a.count < 0 {
		return usage("--count %d: 1 or more, or 0 for no limit", a.count)
	}
	return nil
}

// A tagFilter is a subscription by tag: its text, and the tags in it. Without
// tags it takes every message.
type tagFilter struct {
	text string
	tags []string
}

// parseTags reads "a || b"; nothing and * mean all.
func parseTags(text string) tagFilter {
	if text = strings.TrimSpace(text); text == "" || text == "*" {
		return tagFilter{text: "*"}
	}
	f := tagFilter{text: text}
	for tag := range strings.SplitSeq(text, "||") {
		if tag = strings.TrimSpace(tag); tag != "" {
			f.tags = append(f.tags, tag)
		}
	}
	return f
}
