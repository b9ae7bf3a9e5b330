package main

import (
	"fmt"
	"log/slog"
	"net/netip"

	"pairmq/daemon/broker"
	"pairmq/daemon/config"
	"pairmq/discovery"
	"pairmq/hal/disk"
	"pairmq/internal/remoting"
	"pairmq/replica"
	"pairmq/store"
)

func storeOptions(cfg *config.Config, host netip.AddrPort, log *slog.Logger) (store.Options, error) {
	fs, err := disk.OS(cfg.StoreRoot)
	if err != nil {
		return store.Options{}, fmt.Errorf("storePathRootDir: %w", err)
	}
	return store.Options{
		FS: fs, StoreHost: host, SegmentSize: cfg.SegmentSize, SyncFlush: cfg.SyncFlush,
		FlushInterval: cfg.FlushInterval, FlushLinger: cfg.FlushLinger, FlushTimeout: cfg.FlushTimeout,
		RecordCRC: cfg.RecordCRC, MaxBody: cfg.MaxMessageSize, Reserved: cfg.FileReserved, MaxBytes: cfg.StoreMaxBytes,
		Log: log.With("part", "store"),
	}, nil
}

func registrarOptions(cfg *config.Config, host, ha netip.AddrPort, st *store.Store, c *remoting.Client, log *slog.Logger) (discovery.RegistrarOptions, error) {
	servers, err := discovery.ParseList(cfg.NamesrvAddr)
	if err != nil {
		return discovery.RegistrarOptions{}, fmt.Errorf("namesrvAddr: %w", err)
	}
	return discovery.RegistrarOptions{
		Servers: servers, Client: c, Cluster: cfg.ClusterName, BrokerName: cfg.BrokerName, BrokerID: cfg.BrokerID,
		BrokerAddr: host.String(), HAServerAddr: ha.String(),
		Topics: st.Topics, Period: cfg.RegisterPeriod, Force: cfg.ForceRegister, Log: log.With("part", "registrar"),
	}, nil
}

func brokerOptions(t *tenure) broker.Options {
	cfg := &t.cfg
	o := broker.Options{
		Store: t.store, Registrar: t.reg, Cluster: cfg.ClusterName, Name: cfg.BrokerName, ID: cfg.BrokerID, Addr: t.host, Config: cfg.Text,
		Replication: t.describe, More: t.requests(), Shut: t.store.IsShut,
		DelayOffsets: func() []byte { return t.store.Value(replica.DelayKey) },
		Perm:         int32(cfg.BrokerPermission), MaxMessageSize: cfg.MaxMessageSize,
		NoAutoCreateTopic: !cfg.AutoCreateTopic, NoAutoCreateGroup: !cfg.AutoCreateGroup,
		DefaultTopicQueues: int32(cfg.DefaultTopicQueues), NoNotifyConsumers: !cfg.NotifyConsumerChange,
		MaxTopics: cfg.MaxTopics, MaxGroups: cfg.MaxGroups, MaxHeldPulls: cfg.MaxHeldPulls, Log: t.log.With("part", "broker"),
	}
	v := &verifier{store: t.store, client: t.client, name: cfg.BrokerName, self: t.host.String()}
	o.Raw, o.Compare, o.Check = t.store, v.compare, v.check
	if cfg.TraceTopicEnable {
		o.TraceTopic = cfg.TraceTopicName
	}
	if !cfg.LongPolling {
		o.MaxHold = cfg.ShortPollingTime
	}
	return o
}

func limits(cfg *config.Config) remoting.Limits {
	return remoting.Limits{
		Conns: cfg.MaxConnections, ConnsPerAddr: cfg.MaxConnectionsPerAddr, InFlight: cfg.MaxInFlight,
		BytesInFlight: cfg.MaxBytesInFlight, Idle: cfg.IdleTimeout,
	}
}

func flushName(cfg *config.Config) string {
	if cfg.SyncFlush {
		return "SYNC_FLUSH"
	}
	return "ASYNC_FLUSH"
}
