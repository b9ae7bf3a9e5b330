package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"

	"pairmq/daemon/config"
	"pairmq/internal/lifecycle"
	"pairmq/replica"
	"pairmq/store"
)

// A pairing is the broker's half of replication: a master's, or a slave's.
type pairing struct {
	acks   *replica.Acks   // nil on a slave
	master *replica.Master // nil on a slave
	slave  *replica.Slave  // nil on a master
	ln     net.Listener    // where slaves connect; nil on a slave
	at     atomic.Value    // string: where the slave's master is, if the name servers know
}

// newPairing makes the half that the configuration asks for. st is open and
// does not run yet.
func newPairing(cfg *config.Config, st *store.Store, log *slog.Logger) (*pairing, error) {
	log = log.With("part", "replica")
	p := &pairing{}
	p.at.Store(cfg.HAMasterAddress)
	if cfg.Slave() {
		p.slave = replica.NewSlave(replica.SlaveOptions{
			Log: st.Follow(), Master: func() string { return p.at.Load().(string) },
			Heartbeat: cfg.HAHeartbeat, Silence: cfg.HASilence, Notes: log,
		})
		return p, nil
	}
	lns, err := listen(cfg.BindAddress, cfg.HAListenPort)
	if err != nil {
		return nil, err
	}
	p.ln = lns[0]
	p.acks = replica.NewAcks(replica.AcksOptions{
		Needed: cfg.InSyncReplicas - 1, Timeout: cfg.SlaveTimeout, FallBehind: cfg.HAFallBehind,
		Release: func(end int64, err error) { st.Release(end, slaveError(err)) },
	})
	p.master = replica.NewMaster(replica.MasterOptions{
		Source: st, Acks: p.acks, Heartbeat: cfg.HAHeartbeat, Silence: cfg.HASilence,
		Batch: cfg.HATransferBatch, MaxSlaves: cfg.HAMaxSlaves, Log: log,
	})
	return p, nil
}

// slaveError gives replica's errors the names that the broker knows.
func slaveError(err error) error {
	switch {
	case errors.Is(err, replica.ErrSlaveTimeout):
		return store.ErrSlaveTimeout
	case errors.Is(err, replica.ErrNoSlave):
		return store.ErrNoSlave
	}
	return err
}

// grown is told by the store that more is confirmed. waits is set where a send
// waits for slaves.
func (p *pairing) grown(end int64, waits bool) {
	if p.slave != nil {
		p.slave.Grown()
		return
	}
	p.master.Grown()
	if waits {
		p.acks.Confirmed(end)
	}
}

// found is told by the registrar where the slave's master is.
func (p *pairing) found(ha string) {
	p.at.Store(ha)
	p.slave.Retry()
}

// run replicates until ctx ends.
func (p *pairing) run(ctx context.Context) error {
	if p.slave != nil {
		return p.slave.Run(ctx)
	}
	g := lifecycle.NewGroup(ctx)
	g.Go("slaves", func(ctx context.Context) error { return p.master.Serve(ctx, p.ln) })
	g.Go("acknowledgements", p.acks.Run)
	return g.Wait()
}

// close releases what newPairing took.
func (p *pairing) close() {
	if p.ln != nil {
		p.ln.Close() // closed by Serve already where that ran
	}
}
