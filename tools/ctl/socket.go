package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
)

// defaultSockets are where the daemon of this machine has its socket, as systemd's unit
// and OpenWrt's script have it.
func defaultSockets() []string {
	return []string{"/run/pairmq/pairmqd.sock", "/var/run/pairmq/pairmqd.sock"}
}

// socketTime is how long a socket may take to answer that nobody has named.
const socketTime = 2 * time.Second

// A near is the daemon of this machine, asked over its socket. Its servers go by the
// addresses that they have on loopback, and by the one that the broker has registered.
type near struct {
	path    string
	namesrv string   // "" if it has no name server
	broker  string   // "" if it has no broker, or none that serves
	own     []string // all addresses that the socket stands for
}

// dial connects, for remoting.ClientOptions.
func (n *near) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	for _, own := range n.own {
		if own == addr {
			network, addr = "unix", n.path
		}
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// nearby finds the daemon of this machine: at the socket that --socket names, or, where
// nobody has said whom to ask, at one of the usual ones that answers. It returns nil where
// the ports are to be asked.
func (e *env) nearby() (*near, error) {
	if e.socket != "" {
		if e.told() {
			return nil, usage("--socket is not asked over TLS")
		}
		n, err := e.ask(e.socket, e.timeout)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.socket, err)
		}
		return n, nil
	}
	if e.broker != "" || e.namesrv != "" || e.getenv("PAIRMQ_NAMESRV") != "" || e.told() {
		return nil, nil
	}
	for _, path := range e.sockets {
		if info, err := os.Stat(path); err != nil || info.Mode().Type() != os.ModeSocket {
			continue
		}
		if n, err := e.ask(path, min(e.timeout, socketTime)); err == nil {
			return n, nil
		}
	}
	return nil, nil
}

// ask finds out what the daemon behind a socket is.
func (e *env) ask(path string, within time.Duration) (*near, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	n := &near{path: path, own: []string{path}}
	c := remoting.NewClient(remoting.ClientOptions{Dial: n.dial, DialTimeout: within, Limits: remoting.Limits{CallTime: within}})
	defer c.Close()
	config, err := answered(c.Call(ctx, path, &remoting.Command{Code: remoting.ReqGetBrokerConfig, Language: remoting.Go}))
	cluster, cerr := answered(c.Call(ctx, path, &remoting.Command{Code: remoting.ReqGetBrokerClusterInfo, Language: remoting.Go}))
	if err != nil && cerr != nil {
		return nil, errors.Join(err, cerr)
	}
	keys := map[string]string{}
	if err == nil {
		for line := range strings.Lines(string(config.Body)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			keys[key] = value
		}
		n.broker = net.JoinHostPort("127.0.0.1", cmp.Or(keys["listenPort"], "10911"))
		n.own = append(n.own, n.broker)
	}
	if cerr == nil {
		n.namesrv = net.JoinHostPort("127.0.0.1", cmp.Or(keys["namesrvListenPort"], "9876"))
		n.own = append(n.own, n.namesrv)
		info, err := discovery.DecodeClusterInfo(cluster.Body)
		if err != nil {
			return nil, err
		}
		id, err := strconv.ParseInt(keys["brokerId"], 10, 64)
		if b, ok := info.BrokerAddrTable[keys["brokerName"]]; ok && err == nil && b.BrokerAddrs[id] != "" {
			n.own = append(n.own, b.BrokerAddrs[id])
		}
	}
	return n, nil
}

// answered makes an error of an answer that is not success.
func answered(resp *remoting.Command, err error) (*remoting.Command, error) {
	if err == nil && resp.Code != remoting.RespSuccess {
		err = fmt.Errorf("%s (%d): %s", remoting.ResponseName(resp.Code), resp.Code, safe(resp.Remark))
	}
	return resp, err
}
