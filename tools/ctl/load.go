package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pairmq/internal/remoting"
	"pairmq/tools/loadgen"
)

const loadHelp = `Loads one broker and measures it: messages and bytes per second, latencies, and
the answers by code. It needs --broker, or a cluster with one master.

It sends to a topic of its own, which it makes first and, with --delete, deletes
at the end, with all its messages. Brokers on other machines are only loaded
with --allow-remote. Latencies are those of a closed loop: they compare brokers,
and do not say what a sender of fixed rate would see while a broker stalls.`

// loadArgs is what `pairmq load` was asked for.
type loadArgs struct {
	loadgen.Target
	loadgen.Bounds
	topic    string
	queues   int
	conns    int
	size     int
	batch    int
	inFlight int
	max      int
	again    bool
	binary   bool
	remove   bool
}

func newLoad(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "load", Short: "Load a broker and measure it", Long: loadHelp, Args: cobra.ArbitraryArgs, RunE: onlyCommands}
	cmd.AddCommand(newLoadSend(e), newLoadPull(e))
	return cmd
}

func (a *loadArgs) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&a.topic, "topic", "t", "PairmqLoad", "topic of the load")
	f.IntVar(&a.queues, "queues", 8, "its queues")
	f.IntVar(&a.conns, "conns", 1, "connections")
	f.DurationVar(&a.Warmup, "warmup", time.Second, "time at the start that does not count; none with --count unless it is given")
	f.DurationVar(&a.Duration, "duration", 10*time.Second, "time that counts")
	f.Int64Var(&a.Count, "count", 0, "stop after so many messages; 0 for no limit")
	f.BoolVar(&a.binary, "binary", false, "RocketMQ's binary headers instead of JSON")
	f.BoolVar(&a.AllowRemote, "allow-remote", false, "load a broker on another machine")
	f.BoolVar(&a.remove, "delete", false, "delete the topic at the end")
}

func newLoadSend(e *env) *cobra.Command {
	var a loadArgs
	cmd := &cobra.Command{
		Use: "send", Short: "Send as fast as the broker answers", Args: cobra.NoArgs,
		Example: "  pairmq load send --broker 127.0.0.1:10911 --size 128 --in-flight 256 --delete",
	}
	a.flags(cmd)
	f := cmd.Flags()
	f.IntVar(&a.size, "size", 1024, "bytes of a message's body")
	f.IntVar(&a.batch, "batch", 1, "messages in one request")
	f.IntVar(&a.inFlight, "in-flight", 64, "requests in flight, on all connections together")
	cmd.RunE = e.loads(&a, func(ctx context.Context, progress func(loadgen.Progress)) (loadgen.Result, error) {
		if err := loadgen.CreateTopic(ctx, a.Target, a.topic, a.queues); err != nil {
			return loadgen.Result{}, err
		}
		return loadgen.Send(ctx, loadgen.SendOptions{
			Target: a.Target, Bounds: a.Bounds, Topic: a.topic, Queues: a.queues, Size: a.size, Batch: a.batch,
			Conns: a.conns, InFlight: a.inFlight, Serialize: a.serialize(), Progress: progress,
		})
	})
	return cmd
}

func newLoadPull(e *env) *cobra.Command {
	var a loadArgs
	cmd := &cobra.Command{
		Use: "pull", Short: "Read a topic as fast as the broker gives it", Args: cobra.NoArgs,
		Long: "Reads all queues of the topic of the load, which load send has filled, from their beginning. Nothing is committed.\n\n" + loadHelp,
	}
	a.flags(cmd)
	f := cmd.Flags()
	f.IntVar(&a.max, "max", 32, "messages asked for at once")
	f.BoolVar(&a.again, "again", false, "start over at the end, until the time is over")
	cmd.RunE = e.loads(&a, func(ctx context.Context, progress func(loadgen.Progress)) (loadgen.Result, error) {
		if !a.again && !cmd.Flags().Changed("warmup") {
			a.Warmup = 0 // the end may come before it is over
		}
		return loadgen.Pull(ctx, loadgen.PullOptions{
			Target: a.Target, Bounds: a.Bounds, Topic: a.topic, Queues: a.queues, Conns: a.conns, Max: a.max,
			Again: a.again, Serialize: a.serialize(), Progress: progress,
		})
	})
	return cmd
}

func (a *loadArgs) serialize() remoting.SerializeType {
	if a.binary {
		return remoting.Binary
	}
	return remoting.JSON
}

// loads returns the work of a load: find the broker, run, print, clean up.
func (e *env) loads(a *loadArgs, run func(context.Context, func(loadgen.Progress)) (loadgen.Result, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return e.does(func(ctx context.Context, s *session, _ []string) (err error) {
			if a.Count > 0 && !cmd.Flags().Changed("warmup") {
				a.Warmup = 0
			}
			if a.Addr, err = s.onlyMaster(ctx); err != nil {
				return err
			}
			a.Timeout, a.Dial = s.timeout, dialer(s.secure)
			p := newProgress(e, "messages", true)
			r, err := run(ctx, func(now loadgen.Progress) { p.set(now.Messages) })
			p.done()
			if r.TotalMessages > 0 || err == nil {
				err = errors.Join(e.printLoad(r), err)
			}
			if a.remove {
				err = errors.Join(err, loadgen.DeleteTopic(context.WithoutCancel(ctx), a.Target, a.topic))
			}
			return judge(r, err)
		})(cmd, args)
	}
}

// judge makes a load in which something was refused one that was partly done.
func judge(r loadgen.Result, err error) error {
	refused := r.Unanswered
	for code, n := range r.TotalCodes {
		switch code {
		case remoting.RespSuccess, remoting.RespPullNotFound, remoting.RespPullRetryImmediately, remoting.RespPullOffsetMoved:
		default:
			refused += n
		}
	}
	switch {
	case err != nil && r.TotalMessages > 0:
		return fmt.Errorf("%w: %w", errPartly, err)
	case err == nil && refused > 0:
		return fmt.Errorf("%w: %d requests were refused or not answered", errPartly, refused)
	}
	return err
}

// onlyMaster returns the broker that is to be loaded.
func (s *session) onlyMaster(ctx context.Context) (string, error) {
	all, err := s.masters(ctx, "")
	if err != nil {
		return "", err
	}
	if len(all) > 1 {
		return "", usage("there are %d masters: name one with --broker", len(all))
	}
	return all[0].addr, nil
}

func (e *env) printLoad(r loadgen.Result) error {
	if e.json {
		return e.printJSON(r)
	}
	var codes []string
	for _, code := range slices.Sorted(maps.Keys(r.Codes)) {
		codes = append(codes, fmt.Sprintf("%s %d", remoting.ResponseName(code), r.Codes[code]))
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.3f", float64(d)/float64(time.Millisecond)) }
	_, err := fmt.Fprintf(e.out, "%.0f messages/s  %.1f MB/s  (%d messages in %.1f s)\nlatency ms: p50 %s  p90 %s  p99 %s  p99.9 %s  max %s\nanswers: %s\n",
		r.Rate(), r.Throughput()/1e6, r.Messages, r.Elapsed.Seconds(), ms(r.P50), ms(r.P90), ms(r.P99), ms(r.P999), ms(r.Max), strings.Join(codes, ", "))
	return err
}
