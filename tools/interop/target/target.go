// Package target runs what the scenarios are tried on: one broker and one name
// server on loopback, pairmq's or Apache's own. The scenarios are proven
// against Apache, whose behaviour is the standard, and then held to pairmq.
package target

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/proc"
	"pairmq/tools/interop/wire"
)

// The environment that chooses a target.
const (
	KindEnv   = "INTEROP_TARGET" // pairmq (or empty), apache-4.9.7, apache-5.4.0
	DaemonEnv = "PAIRMQD"        // path of the daemon to test
)

// Kinds of target.
const (
	Pairmq   = "pairmq"
	ApacheV4 = "apache-" + peers.V4
	ApacheV5 = "apache-" + peers.V5
)

// Names that every target's broker has.
const (
	BrokerName = "interop-a"
	Cluster    = "InteropCluster"
)

// startTimeout bounds how long a target may take to start, on a machine that is busy
// with other things; stopTimeout to stop, and apacheStopTimeout for a broker of Apache's:
// 5.4.0 that had messages popped takes more than half a minute.
const (
	startTimeout      = 3 * time.Minute
	stopTimeout       = 30 * time.Second
	apacheStopTimeout = 2 * time.Minute
)

// A Target is a running broker with its name server.
type Target struct {
	Kind    string
	Dir     string      // its files; the store is in Dir/store
	Namesrv string      // host:port
	Broker  string      // host:port
	TLS     *tls.Config // how Dial connects; nil: in plain text

	daemon  string            // pairmqd
	peer    *peers.Peer       // or Apache
	ports   [2]int            // name server, broker
	keys    map[string]string // broker.conf
	namesrv *proc.Process     // Apache only
	broker  *proc.Process
	refused bool // the broker's last start failed
}

// Kind is the target that the environment chooses.
func Kind() (string, error) {
	switch kind := os.Getenv(KindEnv); kind {
	case "", Pairmq:
		return Pairmq, nil
	case ApacheV4, ApacheV5:
		return kind, nil
	default:
		return "", fmt.Errorf("target: %s is %q, want one of %s, %s, %s", KindEnv, kind, Pairmq, ApacheV4, ApacheV5)
	}
}

// Start starts the target that the environment chooses, with its files in
// dir. keys are broker.conf keys in addition.
func Start(ctx context.Context, dir string, keys map[string]string) (*Target, error) {
	return StartTLS(ctx, dir, keys, nil)
}

// StartTLS is Start of one that is asked over TLS, as config says, unless that is nil.
func StartTLS(ctx context.Context, dir string, keys map[string]string, config *tls.Config) (*Target, error) {
	kind, err := Kind()
	if err != nil {
		return nil, err
	}
	t := &Target{Kind: kind, Dir: dir, TLS: config, keys: maps.Clone(keys)}
	for i := range t.ports {
		if t.ports[i], err = proc.FreePorts(); err != nil {
			return nil, err
		}
	}
	t.Namesrv, t.Broker = fmt.Sprintf("127.0.0.1:%d", t.ports[0]), fmt.Sprintf("127.0.0.1:%d", t.ports[1])
	if kind == Pairmq {
		t.daemon = os.Getenv(DaemonEnv)
		if _, err := os.Stat(t.daemon); err != nil {
			return nil, fmt.Errorf("target: %s is to be the path of pairmqd (`make interop` builds it and sets it): %w", DaemonEnv, err)
		}
		return t, t.Restart(ctx)
	}
	if t.peer, err = peers.Fetch(ctx, kind[len("apache-"):]); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if t.namesrv, err = t.peer.Namesrv(ctx, dir, t.ports[0]); err != nil {
		return nil, err
	}
	if err := t.Restart(ctx); err != nil {
		t.namesrv.Kill()
		return nil, err
	}
	return t, nil
}

// Restart starts the broker again after Stop or Kill, on the same ports and
// store; it returns once the name server has a route to it.
func (t *Target) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := t.Launch(ctx); err != nil {
		return err
	}
	if err := t.waitRegistered(ctx); err != nil {
		t.broker.Kill()
		return err
	}
	return nil
}

// Launch is Restart without the wait for a route: for a broker that may not be
// willing to serve. It fails if the broker ends before its port answers.
func (t *Target) Launch(ctx context.Context) (err error) {
	defer func() { t.refused = err != nil }()
	if t.peer != nil {
		keys := map[string]string{"brokerName": BrokerName, "brokerClusterName": Cluster, "namesrvAddr": t.Namesrv}
		maps.Copy(keys, t.keys)
		t.broker, err = t.peer.Broker(ctx, t.Dir, t.ports[1], keys)
		return err
	}
	args := []string{
		"--brokerName=" + BrokerName, "--brokerClusterName=" + Cluster, "--brokerIP1=127.0.0.1", "--bindAddress=127.0.0.1",
		fmt.Sprintf("--listenPort=%d", t.ports[1]), fmt.Sprintf("--haListenPort=%d", t.ports[1]+1),
		"--enableNamesrv=true", fmt.Sprintf("--namesrvListenPort=%d", t.ports[0]), "--storePathRootDir=" + t.Store(),
	}
	for _, k := range slices.Sorted(maps.Keys(t.keys)) {
		args = append(args, "--"+k+"="+t.keys[k])
	}
	t.broker, err = proc.Start(proc.Options{Name: "pairmqd", Path: t.daemon, Args: args, Dir: t.Dir})
	if err != nil {
		return err
	}
	if err := t.broker.WaitPort(ctx, t.Broker); err != nil {
		t.broker.Kill()
		return err
	}
	return nil
}

func (t *Target) waitRegistered(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = t.route(ctx); last == nil {
			return nil
		}
		select {
		case <-t.broker.Done():
			return fmt.Errorf("target: the broker ended before it was registered\n%s", t.broker.Tail(30))
		case <-ctx.Done():
			return fmt.Errorf("target: not registered with its name server: %w: %w\n%s", ctx.Err(), last, t.broker.Tail(30))
		case <-tick.C:
		}
	}
}

// route asks the name server for the template topic, which every broker has.
func (t *Target) route(ctx context.Context) error {
	c, err := t.dial(ctx, t.Namesrv)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Do(ctx, wire.NewCommand(wire.RouteByTopic, "topic", "TBW102"))
	return err
}

// Store is the folder of the broker's store.
func (t *Target) Store() string { return filepath.Join(t.Dir, "store") }

// Process is the broker's process.
func (t *Target) Process() *proc.Process { return t.broker }

// Kill ends the broker with SIGKILL.
func (t *Target) Kill() { t.broker.Kill() }

// Stop ends the broker in an orderly way.
func (t *Target) Stop() error {
	if t.Kind != Pairmq {
		return t.broker.Stop(apacheStopTimeout)
	}
	return t.broker.Stop(stopTimeout)
}

// Close ends broker and name server.
func (t *Target) Close() error {
	var err error
	if !t.refused {
		err = t.Stop()
	}
	if t.namesrv != nil {
		err = errors.Join(err, t.namesrv.Stop(stopTimeout))
	}
	return err
}

// Dial connects to the broker.
func (t *Target) Dial(ctx context.Context) (*wire.Conn, error) { return t.dial(ctx, t.Broker) }

func (t *Target) dial(ctx context.Context, addr string) (*wire.Conn, error) {
	if t.TLS != nil {
		return wire.DialTLS(ctx, addr, t.TLS)
	}
	return wire.Dial(ctx, addr)
}
