package main

import (
	"context"

	"github.com/spf13/cobra"

	"pairmq/store/table"
)

func newGroup(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "group", Short: "Show and change consumer groups", Args: cobra.ArbitraryArgs, RunE: onlyCommands}
	cmd.AddCommand(newGroupList(e), newGroupShow(e), newGroupCreate(e), newGroupDelete(e))
	return cmd
}

func newGroupList(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List groups", Args: cobra.NoArgs}
	cmd.RunE = e.does(func(ctx context.Context, s *session, _ []string) error {
		names, err := s.groupNames(ctx)
		if err != nil {
			return err
		}
		if e.json {
			return e.printJSON(names)
		}
		return printNames(e.out, names)
	})
	return cmd
}

func newGroupShow(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show GROUP", Short: "Show a group's offsets, and how far it is behind", Args: cobra.ExactArgs(1),
	}
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		g, err := s.showGroup(ctx, args[0])
		if err != nil {
			return err
		}
		return e.printGroup(g)
	})
	return cmd
}

func newGroupCreate(e *env) *cobra.Command {
	g := table.DefaultGroup("")
	var cluster string
	cmd := &cobra.Command{
		Use: "create GROUP", Short: "Make a group, or change it", Args: cobra.ExactArgs(1),
		Long: "Makes a group on all brokers, or gives the one there is these settings. Brokers usually make groups by themselves when they come.",
	}
	f := cmd.Flags()
	f.BoolVar(&g.ConsumeEnable, "consume", true, "allow it to consume")
	f.BoolVar(&g.ConsumeBroadcastEnable, "broadcast", true, "allow it to consume by broadcast")
	f.BoolVar(&g.ConsumeMessageOrderly, "orderly", false, "it consumes in order")
	f.Int32Var(&g.RetryMaxTimes, "retry-max", g.RetryMaxTimes, "deliveries of a message that fails, before it goes to the dead letters")
	f.Int32Var(&g.RetryQueueNums, "retry-queues", g.RetryQueueNums, "queues of its retry topic")
	f.StringVar(&cluster, "cluster", "", "only on the brokers of this cluster")
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		g.Name = args[0]
		return s.putGroup(ctx, g, cluster)
	})
	return cmd
}

func newGroupDelete(e *env) *cobra.Command {
	var yes, keep bool
	var cluster string
	cmd := &cobra.Command{Use: "delete GROUP", Short: "Delete a group and its offsets", Args: cobra.ExactArgs(1)}
	f := cmd.Flags()
	f.BoolVar(&yes, "yes", false, "yes, the offsets too; required")
	f.BoolVar(&keep, "keep-offsets", false, "delete the settings alone")
	f.StringVar(&cluster, "cluster", "", "only on the brokers of this cluster")
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		if !yes && !keep {
			return usage("group %s would forget what it has consumed: --yes says that it is meant", args[0])
		}
		return s.deleteGroup(ctx, args[0], cluster, keep)
	})
	return cmd
}
