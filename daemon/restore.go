package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"pairmq/daemon/config"
	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/replica"
	"pairmq/store"
)

// restoreTime is how long a master that may have lost its log's end looks for a
// slave that has it.
const restoreTime = 10 * time.Second

// restore lets a SYNC_MASTER that flushes late and was not stopped cleanly have
// back from its slave what the slave has acknowledged and this log has lost. It
// runs before any client is served and any slave: that would set it aside.
func (p *pairing) restore(ctx context.Context, cfg *config.Config, st *store.Store, log *slog.Logger) error {
	if cfg.Slave() || !cfg.WaitsForSlaves() || cfg.SyncFlush || !st.Unclean() || st.Stats().ReadOnly {
		return nil // of a damaged log nothing is changed
	}
	ctx, cancel := context.WithTimeout(ctx, restoreTime)
	defer cancel()
	f := st.Follow()
	log.Info("the last stop was not clean: asking the slave for what this log may have lost", "phyOffset", f.End())
	n, err := fetchFrom(ctx, cfg, f, log)
	if err != nil {
		log.Warn("messages may be missing that a slave has; it will set them aside", "phyOffset", f.End(), "bytes", n, "err", err)
	} else {
		log.Info("this log has all that the slave has", "phyOffset", f.End(), "bytes", n)
	}
	if err := f.Done(); err != nil {
		return fmt.Errorf("take over from the slave: %w", err)
	}
	return nil
}

func fetchFrom(ctx context.Context, cfg *config.Config, f *store.Follower, log *slog.Logger) (int64, error) {
	peer, err := findSlave(ctx, cfg)
	if err != nil {
		return 0, err
	}
	return replica.Fetch(ctx, replica.FetchOptions{Log: f, Peer: peer, Notes: log})
}

// findSlave returns where a slave sends its log: as configured, or what a name
// server says. One that runs here has just begun, and the slave comes back to it.
func findSlave(ctx context.Context, cfg *config.Config) (string, error) {
	if cfg.HASlaveAddress != "" {
		return cfg.HASlaveAddress, nil
	}
	servers, err := discovery.ParseList(cfg.NamesrvAddr)
	if err != nil {
		return "", err
	}
	client := remoting.NewClient(remoting.ClientOptions{})
	defer client.Close()
	for {
		for _, addr := range servers {
			if peer := askForSlave(ctx, client, addr, cfg.BrokerName); peer != "" {
				return peer, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no name server knows a slave of %s within %v", cfg.BrokerName, restoreTime)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// askForSlave asks one name server; the replication port is the one above that
// for clients, as it always is with RocketMQ 4.x.
func askForSlave(ctx context.Context, client *remoting.Client, addr, name string) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	resp, err := client.Call(ctx, addr, &remoting.Command{Code: remoting.ReqGetBrokerClusterInfo})
	if err != nil {
		return ""
	}
	info, err := discovery.DecodeClusterInfo(resp.Body)
	if err != nil {
		return ""
	}
	for id, at := range info.BrokerAddrTable[name].BrokerAddrs {
		host, port, err := net.SplitHostPort(at)
		if n, perr := strconv.Atoi(port); id != discovery.MasterID && err == nil && perr == nil {
			return net.JoinHostPort(host, strconv.Itoa(n+1))
		}
	}
	return ""
}
