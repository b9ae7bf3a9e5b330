package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

const promoteHelp = `Makes a slave master, under the next epoch number: the one of --broker, or that
of the broker named, or of the only one that the name servers know.

The slave refuses while it can see a living master: hand over with pairmq demote
then. --force does it all the same, and is for a master that cannot be reached
but may live: what that takes from now on is set aside when the two meet, and it
becomes a slave by itself. At a master that has a rival of the same epoch --force
makes the rival give way.`

func newPromote(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "promote [BROKERNAME]", Short: "Make a slave master", Long: promoteHelp, Args: cobra.MaximumNArgs(1)}
	force := cmd.Flags().Bool("force", false, "although a master may live")
	role := cmd.Flags().String("role", "", "SYNC_MASTER or ASYNC_MASTER; what the old master was if empty")
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		addr, err := s.slaveOf(ctx, args)
		if err != nil {
			return err
		}
		done, err := s.promote(ctx, addr, *force, *role)
		if err != nil {
			return err
		}
		return e.printRoles(done)
	})
	return cmd
}

const demoteHelp = `Has a master hand over to its slave: the one of --broker, or of the broker named,
or the only one that the name servers know. It takes no message more, waits until
the slave has everything, and becomes its slave. Senders that try again lose
nothing. With several slaves the one that has the most takes over.

With --force it only becomes a slave, and nobody master: that is for one of two
masters of the same epoch.`

func newDemote(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "demote [BROKERNAME]", Short: "Have a master hand over to its slave", Long: demoteHelp, Args: cobra.MaximumNArgs(1)}
	force := cmd.Flags().Bool("force", false, "become a slave, with no other master")
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		addr, err := s.masterOf(ctx, args)
		if err != nil {
			return err
		}
		done, err := s.demote(ctx, addr, *force)
		if err != nil {
			return err
		}
		return e.printRoles(done)
	})
	return cmd
}

// printRoles tells what brokers have become.
func (e *env) printRoles(all []brokerRole) error {
	if e.json {
		return e.printJSON(all)
	}
	for _, b := range all {
		line := fmt.Sprintf("%s is %s, under epoch %s", b.Addr, b.Role, b.Epoch)
		if b.Role == "" {
			line = fmt.Sprintf("%s has agreed to be master, and tells this machine no more, which is not in its adminAddresses", b.Addr)
		}
		if _, err := fmt.Fprintln(e.out, line); err != nil {
			return err
		}
	}
	return nil
}
