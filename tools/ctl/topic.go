package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"pairmq/store/table"
)

func newTopic(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "topic", Short: "Show and change topics", Args: cobra.ArbitraryArgs, RunE: onlyCommands}
	cmd.AddCommand(newTopicList(e), newTopicShow(e), newTopicCreate(e), newTopicUpdate(e), newTopicDelete(e))
	return cmd
}

func newTopicList(e *env) *cobra.Command {
	var all bool
	cmd := &cobra.Command{Use: "list", Short: "List topics", Args: cobra.NoArgs}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also those that RocketMQ makes for itself and for groups")
	cmd.RunE = e.does(func(ctx context.Context, s *session, _ []string) error {
		names, err := s.topicNames(ctx)
		if err != nil {
			return err
		}
		if !all {
			if names, err = s.ordinary(ctx, names); err != nil {
				return err
			}
		}
		if e.json {
			return e.printJSON(names)
		}
		return printNames(e.out, names)
	})
	return cmd
}

func newTopicShow(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "show TOPIC", Short: "Show a topic's queues and what is in them", Args: cobra.ExactArgs(1)}
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		t, err := s.showTopic(ctx, args[0])
		if err != nil {
			return err
		}
		return e.printTopic(t)
	})
	return cmd
}

// topicArgs is what `pairmq topic create` and `update` were asked for.
type topicArgs struct {
	name        string
	queues      int32 // 0: the read and write queues say it
	readQueues  int32
	writeQueues int32
	perm        string
	cluster     string
}

func (a *topicArgs) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Int32Var(&a.queues, "queues", 0, "queues on each broker; default 8, or as they are")
	f.Int32Var(&a.readQueues, "read-queues", 0, "queues that are read, where that is another number")
	f.Int32Var(&a.writeQueues, "write-queues", 0, "queues that are written to, where that is another number")
	f.StringVar(&a.perm, "perm", "", "rw, r or w; default rw, or as it is")
	f.StringVar(&a.cluster, "cluster", "", "only the brokers of this cluster")
}

// apply changes t as the arguments say.
func (a *topicArgs) apply(t table.Topic) (table.Topic, error) {
	set := func(to *int32, values ...int32) {
		for _, v := range values {
			if v != 0 {
				*to = v
			}
		}
	}
	set(&t.ReadQueueNums, a.queues, a.readQueues)
	set(&t.WriteQueueNums, a.queues, a.writeQueues)
	if a.perm != "" {
		perm, err := parsePerm(a.perm)
		if err != nil {
			return t, err
		}
		t.Perm = perm
	}
	if t.ReadQueueNums < 1 || t.WriteQueueNums < 1 || t.ReadQueueNums > maxQueues || t.WriteQueueNums > maxQueues {
		return t, usage("%d queues to read and %d to write: 1 to %d", t.ReadQueueNums, t.WriteQueueNums, maxQueues)
	}
	return t, nil
}

func parsePerm(text string) (int32, error) {
	switch strings.ToLower(text) {
	case "rw", "wr":
		return table.PermRead | table.PermWrite, nil
	case "r":
		return table.PermRead, nil
	case "w":
		return table.PermWrite, nil
	}
	return 0, usage("--perm %s: rw, r or w", text)
}

func permText(perm int32) string {
	text := ""
	if perm&table.PermRead != 0 {
		text += "r"
	}
	if perm&table.PermWrite != 0 {
		text += "w"
	}
	if text == "" {
		return "none"
	}
	return text
}

func newTopicCreate(e *env) *cobra.Command {
	var a topicArgs
	cmd := &cobra.Command{Use: "create TOPIC", Short: "Make a topic", Args: cobra.ExactArgs(1)}
	a.flags(cmd)
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		a.name = args[0]
		return s.createTopic(ctx, a)
	})
	return cmd
}

func newTopicUpdate(e *env) *cobra.Command {
	var a topicArgs
	cmd := &cobra.Command{
		Use: "update TOPIC", Short: "Change a topic", Args: cobra.ExactArgs(1),
		Long: "Changes what the flags name and leaves the rest. With fewer queues, the messages in those that go are no longer read.",
	}
	a.flags(cmd)
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		a.name = args[0]
		return s.updateTopic(ctx, a)
	})
	return cmd
}

func newTopicDelete(e *env) *cobra.Command {
	var yes bool
	var cluster string
	cmd := &cobra.Command{Use: "delete TOPIC", Short: "Delete a topic and its messages", Args: cobra.ExactArgs(1)}
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, the messages too; required")
	cmd.Flags().StringVar(&cluster, "cluster", "", "only on the brokers of this cluster")
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		if !yes {
			return usage("topic %s and all its messages would be deleted: --yes says that it is meant", args[0])
		}
		return s.deleteTopic(ctx, args[0], cluster)
	})
	return cmd
}
