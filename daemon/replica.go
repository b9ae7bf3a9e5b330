package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/daemon/config"
	"pairmq/internal/lifecycle"
	"pairmq/replica"
	"pairmq/replica/pair"
	"pairmq/store"
)

// A pairing is the broker's half of replication: a master's, or a slave's.
type pairing struct {
	acks   *replica.Acks
	master *replica.Master
	slave  *replica.Slave    // nil on a master
	copier *replica.Copier   // of topics, groups and offsets; nil on a master
	tables *replica.Watchers // slaves that wait for changes of these
	ln     net.Listener      // where slaves connect; on a slave, a master that lost its log's end
	ha     addrBox           // of the slave's master: where it sends its log
	main   addrBox           // and where it answers
	met    metMaster         // who has shown that it is that
	rumour addrBox           // who else is, as name servers say

	noSlaves string // why no slave is served; "" if they are
	behind   bool   // the log is not indexed yet: a slave copies nothing
}

// An addrBox holds an address that changes; empty while it is not known.
type addrBox struct{ v atomic.Pointer[string] }

func (b *addrBox) set(addr string) { b.v.Store(&addr) }

func (b *addrBox) get() string {
	if p := b.v.Load(); p != nil {
		return *p
	}
	return ""
}

// metTime is for how long a master that was met counts: three rounds of asking.
const metTime = 15 * time.Second

// A metMaster is the master that was asked last and has answered as one of this pair. With a secret it counts
// more than who name servers say is master: they tell whatever was registered.
type metMaster struct {
	mu   sync.Mutex
	addr string
	at   time.Time
}

func (m *metMaster) note(addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addr, m.at = addr, time.Now()
}

// other says whether another one than addr was met lately.
func (m *metMaster) other(addr string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.addr != "" && m.addr != addr && time.Since(m.at) < metTime
}

// newPairing makes the half that t's role asks for. Its store is open and does
// not run yet.
func newPairing(t *tenure) (*pairing, error) {
	cfg, st, log := &t.cfg, t.store, t.log.With("part", "replica")
	p := &pairing{}
	metered, err := newMeteredLinks(cfg.MeteredLinks)
	if err != nil {
		return nil, err
	}
	if cfg.Slave() {
		metered = nil // who asks a slave is its master, for what that has lost
	}
	if cfg.Slave() {
		p.ha.set(cfg.HAMasterAddress)
		p.slave = replica.NewSlave(replica.SlaveOptions{
			Log: following{st.Follow(), st}, Master: p.ha.get, Heartbeat: cfg.HAHeartbeat, Silence: cfg.HASilence, Histories: meeting{t}, Notes: log, Via: metered.name, Trust: t.platform.peers.trust(t),
			Joined: func() { p.copier.Now() }, // the master may have restarted, and what it does not have may be removed now
		})
	}
	_, _, p.behind = st.Behind()
	if p.noSlaves = whyNoSlaves(cfg, st); p.noSlaves != "" {
		log.Warn("no slave is served", "why", p.noSlaves)
	} else {
		lns, err := t.platform.listen(cfg.BindAddress, cfg.HAListenPort)
		if err != nil {
			return nil, err
		}
		p.ln = lns[0]
	}
	p.tables = replica.NewWatchers(replica.WatchersOptions{
		Versions: func() replica.TableVersions {
			v := st.Versions()
			return replica.TableVersions{Topics: v.Topics, Groups: v.Groups, Offsets: v.Offsets}
		},
		Held: func(slave netip.Addr) string { return p.master.Held(slave) },
	})
	p.acks = replica.NewAcks(replica.AcksOptions{
		Needed: cfg.InSyncReplicas - 1, Timeout: cfg.SlaveTimeout, FallBehind: cfg.HAFallBehind,
		Release: func(end int64, err error) { st.Release(end, slaveError(err)) },
	})
	var rate int64
	if cfg.HAFlowControl {
		rate = cfg.HATransferRate
	}
	p.master = replica.NewMaster(replica.MasterOptions{
		Rate: rate, Source: st, Acks: p.acks, Heartbeat: cfg.HAHeartbeat, Silence: cfg.HASilence,
		Batch: cfg.HATransferBatch, MaxSlaves: cfg.HAMaxSlaves, Log: log,
		Metered: replica.Metered{Via: metered.via, Rate: cfg.MeteredRate, Lag: cfg.MeteredLag, Delay: cfg.MeteredDelay},
		Holds:   p.tables.Changed, Trust: t.platform.peers.trust(t),
	})
	return p, nil
}

// lags is how far each slave of a master is behind its end.
func (p *pairing) lags(end int64) (all []int64) {
	for _, s := range p.master.Slaves() {
		all = append(all, max(0, end-s.Acked))
	}
	return all
}

// whyNoSlaves says why no slave may be served: it would cut off what it has and
// this log has not.
func whyNoSlaves(cfg *config.Config, st *store.Store) string {
	_, _, behind := st.Behind()
	switch stats := st.Stats(); {
	case behind:
		return "the log is being indexed"
	case stats.Damaged:
		return "the commit log is damaged, it is mended when the other broker is there"
	case stats.ReadOnly && st.Unclean() && (!cfg.SyncFlush || len(cfg.TopicFlush) > 0):
		return "the commit log may have lost its end, which cannot be had back while nothing can be written"
	}
	return ""
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
	}
	p.master.Grown()
	if waits {
		p.acks.Confirmed(end)
	}
}

// copyTables lets a slave copy what its master has besides the log; changed is
// told of changes of topics. It is called before run.
func (p *pairing) copyTables(cfg *config.Config, st *store.Store, c *pair.Circle, changed func(), log *slog.Logger) (err error) {
	p.copier, err = replica.NewCopier(replica.CopierOptions{
		Metadata: st, Client: c, Master: p.main.get, SameLog: func() bool { return p.slave.Status().Connected },
		Changed: changed, MaxTopics: cfg.MaxTopics, MaxGroups: cfg.MaxGroups, Log: log.With("part", "replica"),
	})
	return err
}

// found is told by the registrar where the slave's master is: what people have
// configured wins over where it says that it sends its log.
func (p *pairing) found(cfg *config.Config, main, ha string) {
	p.main.set(main)
	if cfg.HAMasterAddress == "" {
		p.ha.set(ha)
	}
	p.slave.Retry()
	p.copier.Now()
}

// run replicates until ctx ends.
func (p *pairing) run(ctx context.Context) error {
	g := lifecycle.NewGroup(ctx)
	if p.slave != nil && !p.behind {
		g.Go("slave", p.slave.Run)
		g.Go("tables", p.copier.Run)
	}
	if p.noSlaves == "" {
		g.Go("slaves", func(ctx context.Context) error { return p.master.Serve(ctx, p.ln) })
	}
	g.Go("acknowledgements", p.acks.Run)
	return g.Wait()
}

// close releases what newPairing took.
func (p *pairing) close() {
	if p.ln != nil {
		p.ln.Close() // closed by Serve already where that ran
	}
}
