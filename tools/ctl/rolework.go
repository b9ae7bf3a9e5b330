package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// roleTime is how long brokers may take to change roles, waiting for the slave included.
const roleTime = 30 * time.Second

// roleSlave is the brokerRole of a slave.
const roleSlave = "SLAVE"

// A brokerRole is what a broker is.
type brokerRole struct {
	Addr  string `json:"addr"`
	Role  string `json:"brokerRole"` // empty: it does not tell this machine
	Epoch string `json:"epoch"`
}

// brokersOf returns the addresses of one broker's master and slaves, by
// brokerId: the one named by args, or the only one there is.
func (s *session) brokersOf(ctx context.Context, args []string) (map[int64]string, error) {
	info, err := s.picker.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(info.BrokerAddrTable))
	switch {
	case len(args) == 1:
		b, ok := info.BrokerAddrTable[args[0]]
		if !ok {
			return nil, fmt.Errorf("%w: no broker %s is registered", errNotFound, args[0])
		}
		return b.BrokerAddrs, nil
	case len(names) == 0:
		return nil, fmt.Errorf("%w: no broker is registered", errNotFound)
	case len(names) > 1:
		return nil, usage("name one of the brokers: %s", strings.Join(names, ", "))
	}
	return info.BrokerAddrTable[names[0]].BrokerAddrs, nil
}

// slaveOf returns the address of --broker, or of the only slave of a broker.
func (s *session) slaveOf(ctx context.Context, args []string) (string, error) {
	if s.picker == nil {
		return s.broker, nil
	}
	all, err := s.brokersOf(ctx, args)
	if err != nil {
		return "", err
	}
	delete(all, discovery.MasterID)
	addrs := slices.Sorted(maps.Values(all))
	switch len(addrs) {
	case 0:
		return "", fmt.Errorf("%w: no slave is registered; name it with --broker", errNotFound)
	case 1:
		return addrs[0], nil
	}
	return "", usage("there are several slaves, name one with --broker: %s", strings.Join(addrs, ", "))
}

// masterOf returns the address of --broker, or of the master of a broker.
func (s *session) masterOf(ctx context.Context, args []string) (string, error) {
	if s.picker == nil {
		return s.broker, nil
	}
	all, err := s.brokersOf(ctx, args)
	if err != nil {
		return "", err
	}
	if all[discovery.MasterID] == "" {
		return "", fmt.Errorf("%w: no master is registered; name it with --broker", errNotFound)
	}
	return all[discovery.MasterID], nil
}

// promote makes the slave at addr master, and waits until it is.
func (s *session) promote(ctx context.Context, addr string, force bool, role string) ([]brokerRole, error) {
	f := remoting.Fields{{Key: "force", Value: strconv.FormatBool(force)}, {Key: "role", Value: role}}
	resp, err := s.askForRole(ctx, addr, &remoting.Command{Code: remoting.ReqPromoteBroker, Fields: f})
	if err != nil {
		return nil, err
	}
	if o := resp.Fields.Get("outsider"); o != "" {
		_, _ = fmt.Fprintf(s.err, "a broker of this name is not taken for the other half, and goes on if it is master; stop it, or have the two know each other (haSecretFile, haPeers): %s\n", safe(o))
	}
	b, err := s.awaitRole(ctx, addr, func(b brokerRole) bool { return b.Role != roleSlave && b.Epoch == resp.Fields.Get("epoch") })
	return []brokerRole{b}, err
}

// demote makes the master at addr a slave, and waits until it is, and until the
// one that it hands over to is master.
func (s *session) demote(ctx context.Context, addr string, force bool) ([]brokerRole, error) {
	f := remoting.Fields{{Key: "force", Value: strconv.FormatBool(force)}}
	resp, err := s.askForRole(ctx, addr, &remoting.Command{Code: remoting.ReqDemoteBroker, Fields: f})
	if err != nil {
		return nil, err
	}
	var all []brokerRole
	if heir := resp.Fields.Get("master"); heir != "" {
		b, err := s.awaitRole(ctx, heir, func(b brokerRole) bool { return b.Role != roleSlave })
		if isDenied(err) { // it tells its role on its own host, and has agreed to be master
			b, err = brokerRole{Addr: heir}, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	b, err := s.awaitRole(ctx, addr, func(b brokerRole) bool { return b.Role == roleSlave })
	return append(all, b), err
}

// askForRole sends a request that takes its time.
func (s *session) askForRole(ctx context.Context, addr string, req *remoting.Command) (*remoting.Command, error) {
	patient := *s.env
	patient.timeout = max(s.timeout, roleTime)
	return (&session{env: &patient, client: s.client}).call(ctx, addr, req)
}

// isDenied says whether a broker tells this machine nothing: it is not in its adminAddresses.
func isDenied(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == remoting.RespNoPermission
}

// awaitRole asks a broker, which does not answer for a moment, until it is what
// it is to be.
func (s *session) awaitRole(ctx context.Context, addr string, ok func(brokerRole) bool) (brokerRole, error) {
	ctx, cancel := context.WithTimeout(ctx, roleTime)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		b, err := s.roleOf(ctx, addr)
		if err == nil && ok(b) || isDenied(err) {
			return b, err
		}
		select {
		case <-ctx.Done():
			return b, errors.Join(fmt.Errorf("%w: %s has agreed, but within %v it was not seen in its new role", errPartly, addr, roleTime), err)
		case <-look.C:
		}
	}
}

// roleOf asks a broker what it is.
func (s *session) roleOf(ctx context.Context, addr string) (brokerRole, error) {
	resp, err := s.call(ctx, addr, &remoting.Command{Code: remoting.ReqGetBrokerRuntimeInfo})
	if err != nil {
		return brokerRole{}, err
	}
	var body struct {
		Table map[string]string `json:"table"`
	}
	if err := json.Unmarshal(resp.Body, &body); err != nil {
		return brokerRole{}, fmt.Errorf("%s: %w", addr, err)
	}
	return brokerRole{Addr: addr, Role: safe(body.Table["brokerRole"]), Epoch: safe(body.Table["epoch"])}, nil
}
