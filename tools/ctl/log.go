package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newLog(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "log", Short: "Compare and repair commit logs, use what was set aside", Args: cobra.ArbitraryArgs, RunE: onlyCommands}
	cmd.AddCommand(newLogVerify(e), newQuarantine(e))
	return cmd
}

// verifyArgs is what `pairmq log verify` was asked for.
type verifyArgs struct {
	peer   string // empty: the other broker of its name that the name servers know
	dryRun bool
}

const verifyHelp = `Compares the commit log of one pairmqd (--broker) with that of the other half of its
pair (--peer), as their media have them. Where they differ, the broker finds out in
which of the two a record is bad: what is bad in its own log and good in the other one
is repaired, and the bytes that were there are kept in a file below quarantine/. What is
bad in the other log is reported, with the command that repairs it there. Where
both are good and not the same, nothing is changed: the logs have parted.

Without --peer, the name servers (PAIRMQ_NAMESRV) are asked for the other broker.
Both brokers go on working. A broker whose log was damaged when it started is
read-only: when all is repaired, it has to be started again.

The exit code is 0 when the logs are the same, also after a repair, and 1 when a
difference is left.`

func newLogVerify(e *env) *cobra.Command {
	var a verifyArgs
	cmd := &cobra.Command{
		Use: "verify --broker HOST:PORT [--peer HOST:PORT]", Short: "Compare the logs of a pair, and repair one of them", Long: verifyHelp,
		Example: `  pairmq log verify --broker 192.0.2.1:10911 --peer 192.0.2.2:10911 --dry-run`, Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&a.peer, "peer", "", "host:port of the other broker of the pair")
	cmd.Flags().BoolVar(&a.dryRun, "dry-run", false, "repair nothing")
	cmd.RunE = e.does(func(ctx context.Context, s *session, _ []string) error {
		if s.broker == "" {
			return usage("--broker is missing: whose log is to be compared?")
		}
		v, err := s.verifyLogs(ctx, a)
		if v == nil {
			return err
		}
		if perr := e.printVerification(v); perr != nil {
			return perr
		}
		if err != nil {
			return err
		}
		return v.failure(a.dryRun)
	})
	return cmd
}
