package pair

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/proc"
	"pairmq/tools/interop/target"
)

// Roles of a broker.
const (
	AsyncMaster = "ASYNC_MASTER"
	SyncMaster  = "SYNC_MASTER"
	slave       = "SLAVE"
)

// Sizes that both brokers of a pair need, in bytes: a segment so small that a
// test fills many, and a message that fits into one.
const (
	SegmentSize    = 1 << 20
	MaxMessageSize = SegmentSize - 64<<10
)

// DelayLevels are the delays of a pair's brokers: one that is soon over, and one
// that lasts until the slave is master.
const DelayLevels = "1s 20s"

// CheckInterval is the time from one round of asking for open transactions to the next,
// in milliseconds.
const CheckInterval = 1000

// SlaveTimeout is how long a SYNC_MASTER waits for its slave, in milliseconds.
const SlaveTimeout = 1000

// A Maker makes servers of one kind.
type Maker struct {
	Kind   string      // of target
	peer   *peers.Peer // Apache's
	daemon string      // or pairmqd
}

// NewMaker returns the maker for a kind of target. It fails if the daemon or
// Apache's jars are not to be had.
func NewMaker(ctx context.Context, kind string) (*Maker, error) {
	m := &Maker{Kind: kind}
	var err error
	if version, apache := strings.CutPrefix(kind, "apache-"); apache {
		m.peer, err = peers.Fetch(ctx, version)
		return m, err
	}
	m.daemon = os.Getenv(target.DaemonEnv)
	if _, err = os.Stat(m.daemon); err != nil {
		return nil, fmt.Errorf("pair: %s is to be the path of pairmqd (`make interop` builds it and sets it): %w", target.DaemonEnv, err)
	}
	return m, nil
}

// Namesrv makes a name server without a broker; its files go below dir.
func (m *Maker) Namesrv(dir string) (*Server, error) {
	s, err := newServer(m.Kind, dir, "namesrv")
	if err != nil {
		return nil, err
	}
	s.launch = func(ctx context.Context) (*proc.Process, error) {
		if m.peer != nil {
			return m.peer.Namesrv(ctx, s.Dir, s.port)
		}
		return m.run(ctx, s, map[string]string{"enableBroker": "false", "enableNamesrv": "true", "namesrvListenPort": strconv.Itoa(s.port), "storePathRootDir": s.Dir + "/store"})
	}
	return s, nil
}

// Master makes a broker that registers with the name server at namesrv; its
// files go below dir. It and its slaves share all names.
func (m *Maker) Master(dir, role, namesrv string) (*Server, error) {
	return m.broker(dir, "master", role, 0, namesrv)
}

// Slave is Master for a slave, whose id is 1 or more.
func (m *Maker) Slave(dir string, id int, namesrv string) (*Server, error) {
	return m.broker(dir, fmt.Sprintf("slave-%d", id), slave, id, namesrv)
}

func (m *Maker) broker(dir, name, role string, id int, namesrv string) (*Server, error) {
	s, err := newServer(m.Kind, dir, name)
	if err != nil {
		return nil, err
	}
	keys := map[string]string{
		"brokerClusterName": target.Cluster, "brokerName": target.BrokerName, "brokerId": strconv.Itoa(id), "brokerRole": role,
		"brokerIP1": "127.0.0.1", "brokerIP2": "127.0.0.1", "namesrvAddr": namesrv, "flushDiskType": "ASYNC_FLUSH",
		"mappedFileSizeCommitLog": strconv.Itoa(SegmentSize), "maxMessageSize": strconv.Itoa(MaxMessageSize),
		"slaveTimeout": strconv.Itoa(SlaveTimeout), "messageDelayLevel": DelayLevels,
		"transactionCheckInterval": strconv.Itoa(CheckInterval), "transactionCheckMax": "1000",
	}
	s.keys = keys
	if m.Kind == target.ApacheV5 { // by default its slaves serve nobody and its SYNC_MASTER waits for nobody
		keys["slaveReadEnable"], keys["inSyncReplicas"] = "true", "2"
	}
	if m.peer != nil { // by default it turns senders away whom a busy machine has kept waiting for 200 ms
		keys["waitTimeMillsInSendQueue"], keys["osPageCacheBusyTimeOutMills"] = "20000", "20000"
	}
	s.launch = func(ctx context.Context) (*proc.Process, error) {
		if m.peer != nil {
			return m.peer.Broker(ctx, s.Dir, s.port, keys)
		}
		own := map[string]string{"listenPort": strconv.Itoa(s.port), "haListenPort": strconv.Itoa(s.port + 1), "storePathRootDir": s.Dir + "/store"}
		maps.Copy(own, keys)
		return m.run(ctx, s, own)
	}
	return s, nil
}

// run starts pairmqd and waits for its port.
func (m *Maker) run(ctx context.Context, s *Server, keys map[string]string) (*proc.Process, error) {
	args := []string{"--bindAddress=127.0.0.1"}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		args = append(args, "--"+k+"="+keys[k])
	}
	p, err := proc.Start(proc.Options{Name: "pairmqd", Path: m.daemon, Args: args, Dir: s.Dir})
	if err != nil {
		return nil, err
	}
	if err := p.WaitPort(ctx, s.Addr); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}
