package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// defaultNamesrv is asked when nothing else is said.
const defaultNamesrv = "127.0.0.1:9876"

// An env is what a command has of the world around it, and the flags that all have.
type env struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	terminal bool // err is one: progress is shown there

	namesrv string
	broker  string
	socket  string
	sockets []string // where the daemon of this machine may have its own; none in tests
	json    bool
	timeout time.Duration
	tls     tlsArgs
	account string // file; "" is the environment's, or none
}

const rootHelp = `pairmq sends and reads messages, shows and changes topics and groups, and shows
what brokers and name servers are doing. It works with any RocketMQ broker. Of a
pair of pairmqd it compares and repairs the logs; what lies in a store's folder, or in
a copy from a device that died, it verifies, shows and saves. The machine that it runs
on it examines, and its store it empties.
It makes certificates, and speaks TLS where --tls-ca says whom to trust. It signs
what it asks where --account says as whom.

Name servers are taken from --namesrv, else from PAIRMQ_NAMESRV, else the pairmqd
of this machine is asked over its socket, /run/pairmq/pairmqd.sock, where it has one
and this user may use it; else ` + defaultNamesrv + ` is asked. With --broker, one
broker is used without any, and so is a pairmqd that has no name server.

Exit codes:
  0  done
  1  failed
  2  the command line is wrong
  3  there is no such topic, group or queue
  4  only a part was done: some messages were sent, some brokers changed, or
     a message was stored without its flush or replication being confirmed
  5  no name server or broker answered`

// newRoot returns the command with all others below it.
func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use: "pairmq", Short: "The command line of pairmq, for any RocketMQ broker", Long: rootHelp,
		SilenceUsage: true, SilenceErrors: true, Version: version,
	}
	root.SetIn(e.in)
	root.SetOut(e.out)
	root.SetErr(e.err)
	f := root.PersistentFlags()
	f.StringVar(&e.namesrv, "namesrv", "", "name servers, host:port separated by semicolons (PAIRMQ_NAMESRV)")
	f.StringVar(&e.broker, "broker", "", "host:port of one broker, to be asked without a name server")
	f.StringVar(&e.socket, "socket", "", "unix socket of a pairmqd on this machine (its adminSocket)")
	f.BoolVar(&e.json, "json", false, "write JSON: one value, or one line for each message")
	f.DurationVar(&e.timeout, "timeout", 5*time.Second, "for a request to be answered")
	e.tls.flags(f)
	f.StringVar(&e.account, "account", "", "file with accessKey and secretKey, as RocketMQ's tools.yml has them, to sign requests with (PAIRMQ_ACCOUNT, or systemd's credential pairmq-tools.yml)")
	root.MarkFlagsMutuallyExclusive("namesrv", "broker", "socket")
	root.AddCommand(newProduce(e), newConsume(e), newTopic(e), newGroup(e), newLog(e), newStatus(e), newSupport(e), newDoctor(e), newReset(e), newCert(e), newRecent(e), newMetrics(e), newPromote(e), newDemote(e), newLoad(e), newVersion(e))
	return root
}

// execute runs the command line args and returns the exit code.
func execute(ctx context.Context, e *env, args []string) int {
	root := newRoot(e)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var ran *runError
	if !errors.As(err, &ran) { // cobra itself found a mistake
		err = usage("%w", err)
	}
	code := exitCode(err)
	fmt.Fprintln(e.err, "pairmq:", inWords(err))
	if code == exitUsage {
		fmt.Fprintf(e.err, "%s --help tells more\n", cmp.Or(cmd, root).CommandPath())
	} else if text := advice(err); text != "" {
		fmt.Fprintln(e.err, "       ", text)
	}
	return code
}

// inWords is err without what the exit code says already.
func inWords(err error) string {
	text := strings.ReplaceAll(err.Error(), context.Canceled.Error(), "interrupted")
	return strings.TrimPrefix(text, errUsage.Error()+": ")
}

// A runError came from the work of a command and not from its flags.
type runError struct{ error }

func (r *runError) Unwrap() error { return r.error }

// work is the part of a command that comes after its flags were read.
type work func(ctx context.Context, s *session, args []string) error

// does returns w as cobra wants it, with a session for it to use.
func (e *env) does(w work) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		s, err := e.connect()
		if err != nil {
			return &runError{err}
		}
		defer s.close()
		if err := w(cmd.Context(), s, args); err != nil {
			return &runError{err}
		}
		return nil
	}
}

// doesHere returns w as cobra wants it, for a command that asks no server.
func doesHere(w func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := w(cmd.Context(), args); err != nil {
			return &runError{err}
		}
		return nil
	}
}

// onlyCommands is the work of a command that only has others below it.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0])
	}
	return fmt.Errorf("%s needs one of its commands", cmd.CommandPath())
}

func newVersion(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if e.json {
				return e.printJSON(struct {
					Version string `json:"version"`
				}{version})
			}
			_, err := fmt.Fprintln(e.out, "pairmq", version)
			return err
		},
	}
}

// markRequired makes a flag one that must be given.
func markRequired(cmd *cobra.Command, flag string) {
	if err := cmd.MarkFlagRequired(flag); err != nil {
		panic(err) // the command has no such flag
	}
}
