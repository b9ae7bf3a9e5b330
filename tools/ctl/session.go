package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// A session is the connections of one command. Its methods are safe for
// concurrent use.
type session struct {
	*env
	client  *remoting.Client
	secure  func(host string) *tls.Config // nil: in plain text
	servers []string                      // name servers; none when one broker is asked
	picker  *discovery.Picker             // nil when one broker is asked
}

// connect checks the addresses it was given and returns a session; nothing is
// dialled before it is needed.
func (e *env) connect() (*session, error) {
	if e.timeout <= 0 {
		return nil, usage("--timeout %v: it must be more than 0", e.timeout)
	}
	secure, err := e.secure()
	if err != nil {
		return nil, err
	}
	sign, err := e.sign()
	if err != nil {
		return nil, err
	}
	s := &session{env: e, secure: secure}
	options := remoting.ClientOptions{DialTimeout: e.timeout, Limits: remoting.Limits{CallTime: e.timeout}, TLS: secure, Sign: sign}
	here, err := e.nearby()
	if err != nil {
		return nil, err
	}
	if here != nil {
		options.Dial = here.dial
	}
	if here != nil && here.namesrv == "" {
		e.broker = here.broker
	}
	if e.broker != "" {
		addr, err := discovery.ParseAddr(e.broker)
		if err != nil {
			return nil, usage("--broker: %w", err)
		}
		e.broker, s.client = addr, remoting.NewClient(options)
		return s, nil
	}
	servers := []string{}
	if here != nil {
		servers = append(servers, here.namesrv)
	} else if servers, err = e.nameServers(); err != nil {
		return nil, err
	}
	s.servers, s.client = servers, remoting.NewClient(options)
	if s.picker, err = discovery.NewPicker(discovery.PickerOptions{Servers: servers, Client: s.client, TryTimeout: e.timeout}); err != nil {
		return nil, errors.Join(err, s.client.Close())
	}
	return s, nil
}

// nameServers are those of the flag, of the environment, or of this machine.
func (e *env) nameServers() ([]string, error) {
	servers, err := discovery.ParseList(cmp.Or(e.namesrv, e.getenv("PAIRMQ_NAMESRV"), defaultNamesrv))
	if err != nil {
		return nil, usage("name servers: %w", err)
	}
	return servers, nil
}

func (s *session) close() { s.client.Close() }

// call sends a request to one server. It fails with a refusal if the code of
// the answer is neither success nor one of those that are accepted.
func (s *session) call(ctx context.Context, addr string, req *remoting.Command, accept ...int32) (*remoting.Command, error) {
	return s.callWithin(ctx, s.timeout, addr, req, accept...)
}

// callWithin is call for what may take longer.
func (s *session) callWithin(ctx context.Context, timeout time.Duration, addr string, req *remoting.Command, accept ...int32) (*remoting.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req.Language = remoting.Go
	resp, err := s.client.Call(ctx, addr, req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	if resp.Code != remoting.RespSuccess && !slices.Contains(accept, resp.Code) {
		return nil, &refusal{addr: addr, request: req.Code, code: resp.Code, remark: resp.Remark}
	}
	return resp, nil
}

// A master is one broker that takes changes.
type master struct {
	name, cluster, addr string
}

// masters returns the broker named with --broker, or all masters of a cluster;
// the empty cluster means all there are. It fails with errNotFound.
func (s *session) masters(ctx context.Context, cluster string) ([]master, error) {
	if s.picker == nil {
		return []master{{addr: s.broker}}, nil
	}
	info, err := s.picker.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	var all []master
	for name, b := range info.BrokerAddrTable {
		if addr := b.BrokerAddrs[discovery.MasterID]; addr != "" && (cluster == "" || cluster == b.Cluster) {
			all = append(all, master{name: name, cluster: b.Cluster, addr: addr})
		}
	}
	slices.SortFunc(all, func(a, b master) int { return cmp.Compare(a.name, b.name) })
	switch {
	case len(all) > 0:
		return all, nil
	case cluster != "":
		return nil, fmt.Errorf("%w: no master of a cluster %q is registered", errNotFound, cluster)
	}
	return nil, fmt.Errorf("%w: no master is registered with the name server", errNotFound)
}

// each does something at every master and fails with errPartly when some, but
// not all, took it.
func (s *session) each(ctx context.Context, cluster string, do func(context.Context, master) error) error {
	all, err := s.masters(ctx, cluster)
	if err != nil {
		return err
	}
	var failed []error
	for _, m := range all {
		if err := do(ctx, m); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 && len(failed) < len(all) {
		return fmt.Errorf("%w, on %d of %d brokers: %w", errPartly, len(all)-len(failed), len(all), errors.Join(failed...))
	}
	return errors.Join(failed...)
}
