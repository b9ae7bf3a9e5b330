package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newLog(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "log", Short: "Verify, repair, dump, export commit logs; use what was set aside", Args: cobra.ArbitraryArgs, RunE: onlyCommands}
	cmd.AddCommand(newLogVerify(e), newLogDump(e), newLogRebuild(e), newLogExport(e), newLogImport(e), newQuarantine(e))
	return cmd
}

// verifyArgs is what `pairmq log verify` was asked for.
type verifyArgs struct {
	alone       bool   // the broker's own log, without a peer
	peer        string // empty: the other broker of its name that the name servers know
	dryRun      bool
	segmentSize int64
	queues      bool
}

const verifyHelp = `Verifies a commit log, in one of three ways.

With DIR, the store's folder (storePathRootDir) of a pairmqd that does not run, or a copy
of one from a device that died, be it only its commitlog/: every record's checksums and
position, fillers, missing and foreign segments, queue offsets without gaps, and, if
meta.db is there, that the index says the same, of places in queues and of keys. Nothing
is changed.

With --broker and --alone, the broker verifies its own log and index as its media have
them, piece by piece, while it goes on working.

With --broker alone, its log is compared with that of the other half of its pair (--peer),
as their media have them. Where they differ, the broker finds out in which of the two a
record is bad: what is bad in its own log and good in the other one is repaired, and the
bytes that were there are kept in a file below quarantine/. What is bad in the other log
is reported, with the command that repairs it there. Where both are good and not the
same, nothing is changed: the logs have parted. Without --peer, the name servers
(PAIRMQ_NAMESRV) are asked for the other broker. Both brokers go on working. A broker
whose log was damaged when it started is read-only: once that is repaired, it opens its
log again by itself.

The exit code is 0 when nothing is wrong, also after a repair, and 1 when something is.`

func newLogVerify(e *env) *cobra.Command {
	var a verifyArgs
	cmd := &cobra.Command{
		Use: "verify DIR | --broker HOST:PORT [--peer HOST:PORT | --alone]", Short: "Verify a log, or compare the logs of a pair and repair one of them", Long: verifyHelp,
		Example: `  pairmq log verify /var/lib/pairmq
  pairmq log verify --broker 192.0.2.1:10911 --alone
  pairmq log verify --broker 192.0.2.1:10911 --peer 192.0.2.2:10911 --dry-run`, Args: cobra.MaximumNArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&a.peer, "peer", "", "host:port of the other broker of the pair")
	f.BoolVar(&a.alone, "alone", false, "the broker verifies its own log and index, without a peer")
	f.BoolVar(&a.dryRun, "dry-run", false, "repair nothing")
	f.BoolVar(&a.queues, "queues", false, "of DIR, list the queues too")
	f.Int64Var(&a.segmentSize, "segment-size", 0, "of DIR, mappedFileSizeCommitLog in bytes; default what the files say")
	cmd.MarkFlagsMutuallyExclusive("peer", "alone")
	offline := doesHere(func(ctx context.Context, args []string) error {
		if e.broker != "" || a.peer != "" || a.alone || a.dryRun {
			return usage("DIR is verified without a broker, and changed never: no --broker, --peer, --alone, --dry-run")
		}
		c, err := e.verifyFolder(ctx, args[0], a.segmentSize)
		if c == nil {
			return err
		}
		if perr := e.printFolderCheck(c, a.queues); perr != nil || err != nil {
			return firstOf(err, perr)
		}
		return c.failure("pairmq log export saves what is good; with a peer, pairmq log verify --broker repairs")
	})
	online := e.does(func(ctx context.Context, s *session, _ []string) error {
		switch {
		case s.broker == "":
			return usage("--broker is missing, or DIR: whose log is to be verified?")
		case a.queues || a.segmentSize != 0:
			return usage("--queues and --segment-size are for DIR")
		case a.alone && a.dryRun:
			return usage("--alone repairs nothing: it needs no --dry-run")
		case a.alone:
			c, err := s.verifyAlone(ctx)
			if c == nil {
				return err
			}
			if perr := e.printFolderCheck(c, false); perr != nil || err != nil {
				return firstOf(err, perr)
			}
			return c.failure("what is bad in the log, pairmq log verify --peer repairs from the other half of a pair; a wrong index is made anew by pairmq log rebuild-index when the broker is stopped")
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
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return offline(cmd, args)
		}
		return online(cmd, args)
	}
	return cmd
}

// firstOf is the first error that is one.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
