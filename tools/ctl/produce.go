package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"pairmq/store/record"
	"pairmq/store/table"
)

// produceArgs is what `pairmq produce` was asked for.
type produceArgs struct {
	topic      string
	queue      string // empty: one after the other
	group      string
	tag        string
	keys       []string
	properties []string // name=value
	delayLevel int
	flag       int32
	inFlight   int
	retries    int
	create     bool // a topic that is not there, as clients do
	quiet      bool
}

const produceHelp = `Sends BODY as one message; without it, each line of the input is one message, and
with --file the whole file is one (- is the input).

Lines are sent one after the other, each when the one before was acknowledged,
so they are stored in their order within a queue; --in-flight sends that many at
a time, in no order. Sending stops at the first line that is refused, and says
which one, so that what is left can be sent again.`

func newProduce(e *env) *cobra.Command {
	var a produceArgs
	var file string
	cmd := &cobra.Command{
		Use: "produce --topic TOPIC [BODY]", Short: "Send messages", Long: produceHelp,
		Example: `  pairmq produce --topic Orders --tag new --key 4711 '{"id":4711}'
  journalctl -o json | pairmq produce --topic Logs --in-flight 32`,
		Args: cobra.MaximumNArgs(1),
	}
	f := cmd.Flags()
	f.StringVarP(&a.topic, "topic", "t", "", "topic to send to; required")
	f.StringVar(&a.queue, "queue", "", "queue to send to, number or brokerName/number; default all in turn")
	f.StringVar(&a.group, "group", "PAIRMQ_CLI_PRODUCER", "producer group")
	f.StringVar(&a.tag, "tag", "", "tag, by which consumers select")
	f.StringArrayVar(&a.keys, "key", nil, "key to find the message by; may be repeated")
	f.StringArrayVar(&a.properties, "property", nil, "name=value; may be repeated")
	f.IntVar(&a.delayLevel, "delay-level", 0, "deliver later: level 1 (1 s) to 18 (2 h)")
	f.Int32Var(&a.flag, "flag", 0, "the application's flag")
	f.StringVar(&file, "file", "", "file that is sent as one message; - for the input")
	f.IntVar(&a.inFlight, "in-flight", 1, "messages sent at a time")
	f.IntVar(&a.retries, "retries", 2, "further tries, on other queues, where a client would try again")
	f.BoolVar(&a.create, "create", true, "let the broker make a topic that is not there")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "do not print a line for each message")
	markRequired(cmd, "topic")
	cmd.RunE = e.does(func(ctx context.Context, s *session, args []string) error {
		if err := a.check(); err != nil {
			return err
		}
		next, err := bodies(e.in, args, file)
		if err != nil {
			return err
		}
		p := newProgress(e, "sent", a.quiet)
		defer p.done()
		total, err := s.produce(ctx, a, next, func(r sent) error {
			p.add(1)
			if a.quiet {
				return nil
			}
			return e.printSent(r)
		})
		p.done()
		return summarize(total, err)
	})
	return cmd
}

func (a *produceArgs) check() error {
	if err := table.CheckTopicName(a.topic); err != nil {
		return usage("--topic: %w", err)
	}
	if err := table.CheckGroupName(a.group); err != nil {
		return usage("--group: %w", err)
	}
	for _, p := range a.properties {
		if name, value, ok := strings.Cut(p, "="); !ok || name == "" || value == "" {
			return usage("--property %s: write name=value", p)
		}
	}
	if err := record.CheckProperties(a.messageProperties("0")); err != nil {
		return usage("tag, keys or properties: %w", err)
	}
	switch {
	case a.inFlight < 1 || a.inFlight > 1024:
		return usage("--in-flight %d: 1 to 1024", a.inFlight)
	case a.retries < 0 || a.retries > 100:
		return usage("--retries %d: 0 to 100", a.retries)
	case a.delayLevel < 0 || a.delayLevel > 18:
		return usage("--delay-level %d: 1 to 18, or 0 for none", a.delayLevel)
	}
	return nil
}

// messageProperties returns the properties of one message with that unique key.
func (a *produceArgs) messageProperties(uniqueKey string) string {
	props := ""
	for _, p := range a.properties {
		name, value, _ := strings.Cut(p, "=")
		props = record.AppendProperty(props, name, value)
	}
	if len(a.keys) > 0 {
		props = record.AppendProperty(props, record.PropertyKeys, strings.Join(a.keys, " "))
	}
	if a.delayLevel > 0 {
		props = record.AppendProperty(props, "DELAY", fmt.Sprint(a.delayLevel))
	}
	if a.tag != "" {
		props = record.AppendProperty(props, record.PropertyTags, a.tag)
	}
	props = record.AppendProperty(props, record.PropertyUniqKey, uniqueKey)
	return record.AppendProperty(props, "WAIT", "true")
}

// bodies returns a function that gives one body after the other, then io.EOF.
func bodies(in io.Reader, args []string, file string) (func() ([]byte, error), error) {
	switch {
	case len(args) > 0 && file != "":
		return nil, usage("a message and --file: only one of them")
	case len(args) > 0:
		return once([]byte(args[0])), nil
	case file == "":
		return lines(in), nil
	}
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usage("--file: %w", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	if err == nil && len(b) > maxBody {
		err = fmt.Errorf("%s: longer than %d bytes, which is what a broker takes", file, maxBody)
	}
	return once(b), err
}

func once(b []byte) func() ([]byte, error) {
	given := false
	return func() ([]byte, error) {
		if given {
			return nil, io.EOF
		}
		given = true
		return b, nil
	}
}

// summarize makes what was counted part of the error, if there is one.
func summarize(t total, err error) error {
	switch {
	case err != nil && t.sent > 0:
		return fmt.Errorf("%w: %d messages were sent: %w", errPartly, t.sent, err)
	case err == nil && t.unsure > 0:
		return fmt.Errorf("%w: of %d messages that were stored, %d have their flush or replication unconfirmed", errPartly, t.sent, t.unsure)
	}
	return err
}
