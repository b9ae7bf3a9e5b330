package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"pairmq/internal/remoting"
)

const recentHelp = `Shows the last changes of state and errors of a broker of ours, as its log has
them, or would have them at level info: the one of --broker, or all that the name
servers know. They are kept in memory, at most 512, a line that comes again is
counted. Times are those of the broker's clock at the time.`

func newRecent(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "recent", Short: "Show the last changes of state of a broker", Long: recentHelp, Args: cobra.NoArgs}
	cmd.RunE = e.does(func(ctx context.Context, s *session, _ []string) error {
		all, err := s.recents(ctx)
		return errors.Join(e.printRecents(all), err)
	})
	return cmd
}

// brokerRecent is what one broker has recorded.
type brokerRecent struct {
	Addr    string        `json:"addr"`
	Now     time.Time     `json:"now"`
	Version string        `json:"version"`
	Entries []recentEntry `json:"entries"`
}

// recentEntry is one line of it.
type recentEntry struct {
	Time    time.Time     `json:"time"`
	Up      time.Duration `json:"up"` // nanoseconds since the process began
	Level   string        `json:"level"`
	Message string        `json:"message"`
	Text    string        `json:"text"`
	Count   int           `json:"count"`
	Last    time.Time     `json:"last"`
	Earlier bool          `json:"earlier,omitempty"` // of a process before the one that runs
}

// recents asks the brokers; some may answer and others not.
func (s *session) recents(ctx context.Context) (all []brokerRecent, err error) {
	addrs := []string{s.broker}
	if s.picker != nil {
		st, err := s.status(ctx)
		if len(st.Brokers) == 0 {
			return nil, err
		}
		addrs = nil
		for _, b := range st.Brokers {
			addrs = append(addrs, b.Addr)
		}
	}
	var failed []error
	for _, addr := range addrs {
		b, err := s.recent(ctx, addr)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		all = append(all, b)
	}
	if len(all) > 0 && len(failed) > 0 {
		return all, fmt.Errorf("%w: %w", errPartly, errors.Join(failed...))
	}
	return all, errors.Join(failed...)
}

func (s *session) recent(ctx context.Context, addr string) (brokerRecent, error) {
	b := brokerRecent{Addr: addr}
	resp, err := s.call(ctx, addr, &remoting.Command{Code: remoting.ReqGetRecent})
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(resp.Body, &b); err != nil {
		return b, fmt.Errorf("%s: what it has recorded: %w", addr, err)
	}
	return b, nil
}

func (e *env) printRecents(all []brokerRecent) error {
	if e.json {
		return e.printJSON(all)
	}
	for i, b := range all {
		lead := ""
		if i > 0 {
			lead = "\n"
		}
		if _, err := fmt.Fprintf(e.out, "%s%s, version %s, its clock shows %s\n", lead, b.Addr, safe(b.Version), timestamp(b.Now.UnixMilli())); err != nil {
			return err
		}
		rows := [][]string{{"TIME", "LEVEL", "LINE"}}
		for _, l := range b.Entries {
			text := safe(l.Text)
			if l.Count > 1 {
				text += fmt.Sprintf(" (%d times, until %s)", l.Count, timestamp(l.Last.UnixMilli()))
			}
			if l.Earlier {
				text += " (before the last start)"
			}
			rows = append(rows, []string{timestamp(l.Time.UnixMilli()), safe(l.Level), text})
		}
		if err := printTable(e.out, rows); err != nil {
			return err
		}
	}
	return nil
}
