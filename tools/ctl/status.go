package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

const statusHelp = `Shows the name servers with what each of them knows, and all brokers: role,
version, rates of the last 10 seconds, messages since midnight, how much log
they have, how far a slave is behind its master, how replication stands, and how
full the disk is. With --watch it shows them again and again.

The exit code is 4 when a part of them does not answer, and 5 when none does.`

func newStatus(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "Show brokers and name servers", Long: statusHelp, Args: cobra.NoArgs}
	watch := cmd.Flags().Duration("watch", 0, "show it again every so often, until interrupted")
	cmd.Flags().Lookup("watch").NoOptDefVal = "1s"
	cmd.RunE = e.does(func(ctx context.Context, s *session, _ []string) error {
		for {
			st, err := s.status(ctx)
			if err = errors.Join(e.printStatus(st), err); *watch <= 0 {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(*watch):
				fmt.Fprint(e.out, separator(e.json))
			}
		}
	})
	return cmd
}

// separator comes between two states: programs read one line each, people a
// screen that is cleared.
func separator(json bool) string {
	if json {
		return ""
	}
	return "\x1b[H\x1b[2J"
}

// namesrvStatus is one name server as this machine sees it.
type namesrvStatus struct {
	Addr    string  `json:"addr"`
	Millis  float64 `json:"millis"`  // until it answered, with the connection
	Brokers int     `json:"brokers"` // that it knows, masters and slaves
	Error   string  `json:"error,omitempty"`
	info    *discovery.ClusterInfo
	err     error
}

// brokerStatus is one broker as it describes itself.
type brokerStatus struct {
	Cluster    string            `json:"cluster,omitempty"`
	BrokerName string            `json:"brokerName,omitempty"`
	BrokerID   int64             `json:"brokerId"`
	Addr       string            `json:"addr"`
	Behind     *int64            `json:"behindBytes,omitempty"` // of a slave's log behind its master's
	Runtime    map[string]string `json:"runtime,omitempty"`     // answer to GET_BROKER_RUNTIME_INFO
	Error      string            `json:"error,omitempty"`
	err        error
}

type status struct {
	Namesrvs []namesrvStatus `json:"namesrvs"`
	Brokers  []brokerStatus  `json:"brokers"`
}

// status asks all name servers, and then every broker that any of them knows.
func (s *session) status(ctx context.Context) (status, error) {
	st := status{Namesrvs: make([]namesrvStatus, len(s.servers)), Brokers: []brokerStatus{}}
	var wg sync.WaitGroup
	for i, addr := range s.servers {
		wg.Go(func() { st.Namesrvs[i] = s.askNamesrv(ctx, addr) })
	}
	wg.Wait()
	if s.picker == nil {
		st.Brokers = append(st.Brokers, brokerStatus{Addr: s.broker})
	}
	st.addBrokers()
	for i := range st.Brokers {
		wg.Go(func() {
			if s.picker == nil {
				s.askIdentity(ctx, &st.Brokers[i])
			}
			s.askBroker(ctx, &st.Brokers[i])
		})
	}
	wg.Wait()
	st.compare()
	return st, st.failure()
}

func (s *session) askNamesrv(ctx context.Context, addr string) namesrvStatus {
	n := namesrvStatus{Addr: addr}
	begin := time.Now()
	resp, err := s.call(ctx, addr, &remoting.Command{Code: remoting.ReqGetBrokerClusterInfo})
	if err == nil {
		n.Millis = float64(time.Since(begin).Microseconds()) / 1000
		n.info, err = discovery.DecodeClusterInfo(resp.Body)
	}
	if err != nil {
		n.err, n.Error = err, err.Error()
		return n
	}
	for _, b := range n.info.BrokerAddrTable {
		n.Brokers += len(b.BrokerAddrs)
	}
	return n
}

// addBrokers adds every broker that a name server knows, once.
func (st *status) addBrokers() {
	for _, n := range st.Namesrvs {
		if n.info == nil {
			continue
		}
		for name, b := range n.info.BrokerAddrTable {
			for id, addr := range b.BrokerAddrs {
				if !slices.ContainsFunc(st.Brokers, func(o brokerStatus) bool { return o.Addr == addr }) {
					st.Brokers = append(st.Brokers, brokerStatus{Cluster: b.Cluster, BrokerName: name, BrokerID: id, Addr: addr})
				}
			}
		}
	}
	slices.SortFunc(st.Brokers, func(a, b brokerStatus) int {
		return cmp.Or(strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.BrokerName, b.BrokerName), cmp.Compare(a.BrokerID, b.BrokerID), strings.Compare(a.Addr, b.Addr))
	})
}

// askIdentity has a broker say what a name server would: cluster, name and brokerId, which is another
// one than its file's where its role was changed. One that keeps its settings to itself stays unnamed.
func (s *session) askIdentity(ctx context.Context, b *brokerStatus) {
	resp, err := s.call(ctx, b.Addr, &remoting.Command{Code: remoting.ReqGetBrokerConfig})
	if err != nil {
		return // so does the next request, whose error is told, or it is this one alone that is refused
	}
	for line := range strings.Lines(string(resp.Body)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "brokerClusterName":
			b.Cluster = value
		case "brokerName":
			b.BrokerName = value
		case "brokerId":
			if id, err := strconv.ParseInt(value, 10, 64); err == nil {
				b.BrokerID = id
			}
		}
	}
}

func (s *session) askBroker(ctx context.Context, b *brokerStatus) {
	resp, err := s.call(ctx, b.Addr, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo})
	if err == nil {
		var body struct {
			Table map[string]string `json:"table"`
		}
		err = json.Unmarshal(resp.Body, &body)
		b.Runtime = body.Table
	}
	if err != nil {
		b.err, b.Error = fmt.Errorf("broker %s: %w", cmp.Or(b.BrokerName, b.Addr), err), err.Error()
	}
}

// compare tells of each slave how far its log is behind that of its master.
func (st *status) compare() {
	end := make(map[string]int64) // of the masters' logs, by brokerName
	for _, b := range st.Brokers {
		if n, ok := b.number("commitLogMaxOffset"); ok && b.BrokerID == discovery.MasterID {
			end[b.BrokerName] = n
		}
	}
	for i := range st.Brokers {
		b := &st.Brokers[i]
		n, ok := b.number("commitLogMaxOffset")
		if masterEnd, found := end[b.BrokerName]; ok && found && b.BrokerID != discovery.MasterID {
			behind := masterEnd - n
			b.Behind = &behind
		}
	}
}

// failure returns errPartly when some did not answer, and their own errors
// when none did.
func (st *status) failure() error {
	var failed []error
	for _, n := range st.Namesrvs {
		failed = append(failed, n.err)
	}
	for _, b := range st.Brokers {
		failed = append(failed, b.err)
	}
	all := len(failed)
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	if len(failed) > 0 && len(failed) < all {
		return fmt.Errorf("%w: of %d servers, %d do not tell their state: %w", errPartly, all, len(failed), errors.Join(failed...))
	}
	return errors.Join(failed...)
}
