package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"pairmq/daemon/broker"
	"pairmq/daemon/config"
	"pairmq/discovery"
	"pairmq/hal/disk"
	"pairmq/internal/remoting"
	"pairmq/store"
	"pairmq/store/table"
)

// An opener opens the file system from a folder on; disk.OS is the real one.
type opener func(root string) (disk.FS, error)

func storeOptions(cfg *config.Config, open opener, host netip.AddrPort, log *slog.Logger) (store.Options, error) {
	fs, err := open(cfg.StoreRoot)
	if err != nil {
		return store.Options{}, fmt.Errorf("storePathRootDir: %w", err)
	}
	var within func(string) time.Duration
	if len(cfg.TopicFlush) > 0 {
		within = cfg.FlushWithin
	}
	var quota func(string) int64
	if len(cfg.TopicQuota) > 0 {
		quota = cfg.Quota
	}
	return store.Options{
		Within: within, Quota: quota,
		FS: fs, StoreHost: host, SegmentSize: cfg.SegmentSize, SyncFlush: cfg.SyncFlush,
		FlushInterval: cfg.FlushInterval, FlushLinger: cfg.FlushLinger, FlushTimeout: cfg.FlushTimeout,
		CountTopics: cfg.MetricsMaxTopics, RecordCRC: cfg.RecordCRC, Reserved: cfg.FileReserved, MaxBytes: cfg.StoreMaxBytes,
		SetAsideBytes: cfg.SetAsideBytes, Watermarks: store.Watermarks{Filling: cfg.DiskFilling, Tight: cfg.DiskTight, Full: cfg.DiskFull, Critical: cfg.DiskCritical},
		Log: log.With("part", "store"),
	}, nil
}

func registrarOptions(cfg *config.Config, host, ha netip.AddrPort, topics func() ([]table.Topic, table.DataVersion), c *remoting.Client, log *slog.Logger) (discovery.RegistrarOptions, error) {
	servers, err := discovery.ParseList(cfg.NamesrvAddr)
	if err != nil {
		return discovery.RegistrarOptions{}, fmt.Errorf("namesrvAddr: %w", err)
	}
	return discovery.RegistrarOptions{
		Servers: servers, Client: c, Cluster: cfg.ClusterName, BrokerName: cfg.BrokerName, BrokerID: cfg.BrokerID,
		BrokerAddr: host.String(), HAServerAddr: ha.String(),
		Topics: topics, Period: cfg.RegisterPeriod, Force: cfg.ForceRegister, Log: log.With("part", "registrar"),
	}, nil
}

func brokerOptions(t *tenure) broker.Options {
	cfg := &t.cfg
	_, _, behind := t.store.Behind()
	o := broker.Options{
		Store: t.store, Registrar: t.reg, Cluster: cfg.ClusterName, Name: cfg.BrokerName, ID: cfg.BrokerID, Addr: t.host, Config: t.changes.text,
		Behind: behind, Replication: t.describe, More: t.requests(), Shut: t.store.IsShut, Halted: t.store.Halted,
		Settings: brokerSettings(cfg), DefaultTopicQueues: int32(cfg.DefaultTopicQueues),
		NoTimers: !cfg.Timers, NoRecall: !cfg.Recall, TimerMaxDelay: cfg.TimerMaxDelay, TimerMaxBytes: cmp.Or(cfg.TimerMaxBytes, t.store.Capacity()/4), TimerPrecision: cfg.TimerPrecision,
		DelayLevels: cfg.DelayLevels, TransactionTimeout: cfg.TransactionTimeout, TransactionInterval: cfg.TransactionInterval, TransactionChecks: cfg.TransactionChecks,
		Reserved: cfg.FileReserved, MaxTopics: cfg.MaxTopics, MaxGroups: cfg.MaxGroups, MaxClients: cfg.MaxClientsPerGroup, MaxHeldPulls: cfg.MaxHeldPulls, CountFlows: cfg.MetricsMaxTopics,
		MaxPopHeld: cfg.MaxPopPolling, MaxPopHeldQueue: cfg.PopPolling, MaxPopped: cfg.PopInFlight, MaxPoppedQueue: cfg.PopInFlightQueue, Log: t.log.With("part", "broker"),
	}
	o.LogReader = t.isHalf
	o.Raw, o.Compare, o.Check = t.store, t.verifier.compare, t.verifier.check
	if t.platform.accounts != nil {
		o.Accounts = t.platform.accounts
	}
	if t.platform.gate != nil {
		o.Administers = t.platform.gate.Administers
	}
	if cfg.TraceTopicEnable {
		o.TraceTopic = cfg.TraceTopicName
	}
	return o
}

// brokerSettings are what can change while the broker serves.
func brokerSettings(cfg *config.Config) broker.Settings {
	s := broker.Settings{
		Perm: int32(cfg.BrokerPermission), MaxMessageSize: cfg.MaxMessageSize, NoAutoCreateTopic: !cfg.AutoCreateTopic, NoAutoCreateGroup: !cfg.AutoCreateGroup,
		NoNotifyConsumers: !cfg.NotifyConsumerChange, NoPropertyFilter: !cfg.PropertyFilter, NoKeepReplies: !cfg.StoreReplies,
		NoTransactions: cfg.RejectTransactions,
	}
	if !cfg.LongPolling {
		s.MaxHold = max(cfg.ShortPollingTime, 1) // 0 is the default there
	}
	return s
}

func limits(cfg *config.Config) remoting.Limits {
	return remoting.Limits{
		Conns: cfg.MaxConnections, ConnsPerAddr: cfg.MaxConnectionsPerAddr, InFlight: cfg.MaxInFlight,
		BytesInFlight: cfg.MaxBytesInFlight, Idle: cfg.IdleTimeout, FirstFrameTime: cfg.FirstFrameTimeout, Fields: cfg.MaxHeaderFields,
		Rate: cfg.MaxRequestRate,
	}
}

// namesrvLimits are those of the name server's port, where the largest frame is the
// registration of a broker with as many topics as are kept.
func namesrvLimits(cfg *config.Config) remoting.Limits {
	l := limits(cfg)
	l.Frame = 1<<20 + 512*cfg.NamesrvMaxTopics
	return l
}

func flushName(cfg *config.Config) string {
	if cfg.SyncFlush {
		return "SYNC_FLUSH"
	}
	return "ASYNC_FLUSH"
}
