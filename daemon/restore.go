package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"pairmq/discovery"
	"pairmq/replica"
	"pairmq/replica/pair"
)

// restoreTime is how long a master that may have lost its log's end looks for a
// slave that has it.
const restoreTime = 10 * time.Second

// restore lets a master that flushes late and was not stopped cleanly have back
// from its slave what that has and this log has lost. It runs before any client
// is served and any slave: that would set it aside. One that never had a slave
// waits for none, unless its sends wait for slaves.
func (p *pairing) restore(ctx context.Context, t *tenure) error {
	hasPeer := t.cfg.WaitsForSlaves() || t.cfg.HASlaveAddress != "" || len(t.memory.Peers()) > 0
	if !hasPeer || t.cfg.SyncFlush && len(t.cfg.TopicFlush) == 0 || !t.store.Unclean() || t.memory.Raised() || t.store.Stats().ReadOnly {
		return nil // just promoted, it has what it has; of a damaged log nothing is changed
	}
	ctx, cancel := context.WithTimeout(ctx, restoreTime)
	defer cancel()
	f := t.store.Follow()
	t.log.Info("the last stop was not clean: asking the slave for what this log may have lost", "phyOffset", f.End())
	var n int64
	peer, err := findSlave(ctx, t)
	if err == nil {
		n, err = replica.Fetch(ctx, replica.FetchOptions{Log: f, Peer: peer, Trust: t.platform.peers.trust(t), Notes: t.log})
	}
	if err != nil {
		t.log.Warn("messages may be missing that a slave has; it will set them aside", "phyOffset", f.End(), "bytes", n, "err", err)
	} else {
		t.log.Info("this log has all that the slave has", "phyOffset", f.End(), "bytes", n)
	}
	if err := f.Done(); err != nil {
		return fmt.Errorf("take over from the slave: %w", err)
	}
	return nil
}

// findSlave returns where a slave sends its log: as configured, or as one of
// ours says itself, or where one that name servers know should have that port.
// A name server that runs here has just begun, and the slave comes back to it.
func findSlave(ctx context.Context, t *tenure) (string, error) {
	if t.cfg.HASlaveAddress != "" {
		return t.cfg.HASlaveAddress, nil
	}
	servers, err := discovery.ParseList(t.cfg.NamesrvAddr)
	if err != nil {
		return "", err
	}
	own := t.state()
	var outsider error // of who was asked last, and may not be the slave
	for {
		for _, addr := range t.memory.Peers() {
			peer, err := askForLog(ctx, t, addr, &own)
			if peer != "" {
				return peer, nil
			}
			outsider = cmp.Or(outsiderOnly(err), outsider)
		}
		for _, server := range servers {
			addrs, err := brokersOf(ctx, t.client, server, t.cfg.BrokerName)
			if err != nil {
				t.log.Debug("a name server was asked for the slave", "namesrv", server, "err", err)
			}
			for _, addr := range addrs {
				if addr == own.Addr {
					continue
				}
				peer, err := askForLog(ctx, t, addr, &own)
				switch {
				case peer != "":
					return peer, nil
				case isPlain(err):
					return portAbove(addr)
				}
				outsider = cmp.Or(outsiderOnly(err), outsider)
			}
		}
		select {
		case <-ctx.Done():
			return "", errors.Join(fmt.Errorf("no slave of %s was found within %v", t.cfg.BrokerName, restoreTime), outsider)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// outsiderOnly is err if it says that somebody may not be the other half.
func outsiderOnly(err error) error {
	if errors.Is(err, pair.ErrOutsider) {
		return err
	}
	return nil
}

// askForLog asks a broker for the address of its replication port, "" if it does
// not tell one.
func askForLog(ctx context.Context, t *tenure, addr string, own *pair.State) (peer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	his, err := pair.Ask(ctx, t.circle, addr, own)
	if err != nil || his.BrokerName != own.BrokerName || his.Master() {
		return "", err
	}
	return his.HAAddr, nil
}

// portAbove is where the replication port is of a broker that does not say: the
// one above that for clients, as it always is with RocketMQ 4.x.
func portAbove(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("the slave's address: %w", err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return "", fmt.Errorf("the slave's address: %w", err)
	}
	return net.JoinHostPort(host, strconv.Itoa(n+1)), nil
}
