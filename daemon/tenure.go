package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/daemon/broker"
	"pairmq/daemon/config"
	"pairmq/daemon/rights"
	"pairmq/discovery"
	"pairmq/hal/link"
	"pairmq/internal/lifecycle"
	"pairmq/internal/meter"
	"pairmq/internal/remoting"
	"pairmq/internal/warner"
	"pairmq/replica/pair"
	"pairmq/store"
)

// errNextTenure ends a tenure: the broker goes on in another role, or at another
// address.
var errNextTenure = errors.New("the broker goes on in another role or at another address")

// A tenure is the broker in one role and at one address: its store, its ports
// and its registrar.
type tenure struct {
	cfg  config.Config // with the role that the broker has
	file string        // brokerRole as the files have it
	// differs says that cfg has another one than file. Once the role is changed memory has the next one, and
	// this one is still what the broker does.
	differs bool
	began   time.Time
	addresses
	hostless atomic.Pointer[error] // why nobody beyond this machine can find it now; nil if they can
	memory   *pair.Memory
	// memoryOnly is what is remembered and cannot be kept: the file system is read-only.
	memoryOnly atomic.Pointer[[]byte]
	store      *store.Store
	broker     *broker.Broker
	reg        *discovery.Registrar
	pair       *pairing
	halves     *pair.Pair // who else there is
	// others are the addresses of the other brokers of the name.
	others   func(context.Context) []string
	verifier *verifier // compares the log with theirs
	changes  *changes  // of the configuration, while it serves
	// setServers changes the list of name servers.
	setServers func([]string)
	client     *remoting.Client
	circle     *pair.Circle  // the connections of client to other halves
	members    *pair.Members // which clients are other halves
	platform   platform
	srv        *remoting.Server
	local      *remoting.Server // of the admin socket; nil without it
	lns        []net.Listener
	answers    meter.Pairs
	recent     *recentTimes
	outsiders  warner.Warner // who asks as the other half does, and is not
	measuring  sync.RWMutex  // held for reading by who looks into the store from outside; for writing, to close it
	log        *slog.Logger
	said       *warner.Warner // what others ask for

	was      string        // where clients found the tenure before; "" if it was there
	caughtUp bool          // this one is over because its log is indexed; read when run has returned
	moved    atomic.Bool   // this one is over because the address has changed
	changing sync.Mutex    // held by the one change of roles that is on its way
	change   chan struct{} // closed when the tenure is over
	changed  sync.Once
	work     sync.WaitGroup  // requests about roles
	ctx      context.Context // of that work, which ends with the tenure
	cancel   context.CancelFunc
}

// before is what a tenure takes over from the one before it in the same process,
// if there was one.
type before struct {
	addr   string // where clients found it
	unkept []byte // what it remembered of the pair and could not keep on its disk
	whole  bool   // it has indexed the log as far as it can be: the store waits for the rest
}

// newTenure builds one.
func newTenure(file *config.Config, m platform, last before, client *remoting.Client, log *slog.Logger) (*tenure, error) {
	t := &tenure{was: last.addr, platform: m, cfg: *file, file: file.BrokerRole, began: time.Now(), client: client, log: log, change: make(chan struct{})}
	t.said = &warner.Warner{To: log, Burst: 100}
	t.outsiders = warner.Warner{To: log.With("part", "pair"), Level: slog.LevelWarn, Every: 10 * time.Second}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	found, err := findAddresses(file)
	if err != nil {
		return nil, err
	}
	t.addresses = found.addresses
	t.setHostless(found.hostless)
	if found.hostless != nil {
		log.Warn("this broker is found on this machine alone until a link has an address: name servers are told then", "err", found.hostless)
	}
	if found.haless != nil {
		log.Warn("slaves are told the address of brokerIP1 until brokerIP2 has one", "haAddress", t.ha.String(), "err", found.haless)
	}
	if err := t.openStore(file, &last); err != nil {
		return nil, err
	}
	if err := t.build(); err != nil {
		return nil, errors.Join(err, t.close())
	}
	log.Info("broker ready", "brokerName", t.cfg.BrokerName, "brokerRole", t.cfg.BrokerRole, "address", t.host.String(),
		"flushDiskType", flushName(&t.cfg), "startedIn", time.Since(t.began).Round(time.Millisecond).String())
	notify(log, fmt.Sprintf("STATUS=%s of %s at %s", t.cfg.BrokerRole, t.cfg.BrokerName, t.host))
	if t.differs {
		log.Info("the role is not that of the configuration: it was changed by pairmq promote or demote", "brokerRole", t.cfg.BrokerRole, "configured", file.BrokerRole)
	}
	return t, nil
}

// openStore opens the store in the role that the broker has by what it remembers:
// what the tenure before could not keep, or what the store keeps.
func (t *tenure) openStore(file *config.Config, last *before) error {
	so, err := storeOptions(file, t.platform.open, t.host, t.log)
	if err != nil {
		return err
	}
	so.OpenBehind = !last.whole
	so.Decide = func(value func(string) []byte) (copies, holds bool) {
		kept, lost := last.unkept, error(nil)
		if kept == nil {
			kept = value(pair.Key)
		}
		if t.memory, lost = pair.Load(kept, pair.Role{Name: file.BrokerRole, ID: file.BrokerID}); lost != nil {
			t.log.Error("the role is that of the configuration", "err", lost)
		}
		role := t.memory.Role()
		t.cfg.BrokerRole, t.cfg.BrokerID = role.Name, role.ID
		t.differs = t.memory.Differs()
		return t.cfg.Slave(), t.cfg.WaitsForSlaves()
	}
	so.Arrived = func(a []store.Arrival) { t.broker.Arrived(a) } // only Run calls it, and the broker is there before Run
	so.Grown = func(end int64) { t.pair.grown(end, t.cfg.WaitsForSlaves()) }
	defer t.platform.recovery.note(0, 0)
	so.Recovering = func(done, total int64) { // systemd must not lose patience
		t.platform.recovery.note(done, total)
		notify(t.log, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=recovering the log: %d of about %d MiB", (30*time.Second).Microseconds(), done>>20, total>>20))
	}
	so.Flawed = t.heal                                    // only Run calls it, too
	so.TablesChanged = func() { t.pair.tables.Changed() } // nobody changes them before there is a pair
	if t.store, err = store.Open(so); err != nil {
		return err
	}
	if err := t.nameStore(file); err != nil {
		return errors.Join(fmt.Errorf("brokerName: %w", err), t.store.Close())
	}
	keep := func(b []byte) error {
		if t.store.Frozen() { // a role that changes lasts as long as this process
			t.memoryOnly.Store(&b)
			return nil
		}
		return t.store.SetValue(pair.Key, b)
	}
	if err := t.memory.Keep(keep); err != nil {
		return errors.Join(err, t.store.Close())
	}
	return nil
}

// unkept is what is remembered of the pair and was not kept; nil if all was.
func (t *tenure) unkept() []byte {
	if b := t.memoryOnly.Load(); b != nil {
		return *b
	}
	return nil
}

// build makes everything around the store.
func (t *tenure) build() (err error) {
	cfg := &t.cfg
	if t.changes, err = t.loadChanges(); err != nil {
		return err
	}
	t.meetPeers()
	if t.pair, err = newPairing(t); err != nil {
		return err
	}
	times := t.store.Times()
	t.recent = newRecentTimes(&times.Send, &times.Log.Sync, t.pair.acks.Took())
	if t.lns, err = t.platform.listen(cfg.BindAddress, cfg.ListenPort, cfg.ListenPort-2); err != nil {
		return err
	}
	ro, err := registrarOptions(cfg, t.host, t.ha, t.registered, t.client, t.log)
	if err != nil {
		return err
	}
	ro.Hold = t.holdBack
	ro.OnMaster = t.told // called on slaves only
	if t.reg, err = discovery.NewRegistrar(ro); err != nil {
		return err
	}
	if t.halves, err = newHalves(t); err != nil {
		return err
	}
	if cfg.Slave() {
		if err := t.pair.copyTables(cfg, t.store, t.circle, t.reg.Notify, t.log); err != nil {
			return err
		}
	}
	t.verifier = &verifier{store: t.store, client: t.circle, name: cfg.BrokerName, self: t.host.String()}
	if t.broker, err = broker.New(brokerOptions(t)); err != nil {
		return err
	}
	mode, config := t.platform.security.door()
	t.srv = remoting.NewServer(remoting.ServerOptions{Handler: t.platform.guardedBroker(t.broker, rights.Halves{Known: t.isHalf, Proven: t.members.Has}, t.log), OnClose: t.closed, Answers: &t.answers, TooLarge: t.broker.TooLarge, Limits: limits(cfg), TLS: mode, TLSConfig: config, Log: t.log})
	if admin := t.platform.admin; admin != nil {
		t.local = admin.server(t.broker, t.closed, t.log)
	}
	return nil
}

// run serves until ctx ends. Then the name servers are told first, so that
// clients go elsewhere; the answers on their way leave while the store still
// runs; the store is the last to stop. It returns errNextTenure when the broker
// is to go on in another role. begun is called when clients are served.
func (t *tenure) run(ctx context.Context, begun func()) error {
	back, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStore()
	behind := lifecycle.NewGroup(back)
	behind.Go("store", t.store.Run)
	if m := t.platform.machine; m != nil {
		defer m.Attach(host{t.store, t})() // it leaves when the store has stopped, and not yet closed
	}
	if err := t.begin(ctx); err != nil {
		stopStore()
		return errors.Join(err, behind.Wait())
	}
	behind.Go("replication", t.pair.run)
	front := lifecycle.NewGroup(ctx)
	front.Go("broker", t.broker.Run)
	front.Go("watchers of tables", t.pair.tables.Run) // who waits there has an answer before the ports are drained
	front.Go("registrar", func(ctx context.Context) error {
		t.halves.Round(ctx) // first: name servers forget the master that was there when this one registers
		return t.reg.Run(ctx)
	})
	front.Go("halves", t.halves.Run)
	front.Go("recent times", t.recent.run)
	front.Go("mending", t.mend)
	front.Go("links", t.watchLinks)
	front.Go("handing over", t.awaitHandover)
	front.Go("listeners", func(ctx context.Context) error { begun(); return serveAll(ctx, t.srv, t.lns) })
	if t.local != nil {
		front.Go("admin socket", func(ctx context.Context) error { return t.platform.admin.serve(ctx, t.local) })
	}
	front.Go("store", func(ctx context.Context) error { // a failed store ends the broker
		select {
		case <-ctx.Done():
			return nil
		case <-t.change:
			t.store.Shut() // the next master would not have it
			return errNextTenure
		case <-t.store.CaughtUp():
			t.caughtUp = true
			t.over()
			return errNextTenure
		case <-behind.Context().Done():
			return errors.New("the store has stopped")
		}
	})
	err := front.Wait()
	t.cancel()
	t.drain()
	t.work.Wait() // no request comes any more
	t.broker.Keep()
	stopStore()
	return errors.Join(behind.Wait(), err)
}

// drain lets answers leave. The store and the replication still run: who waits for a slave
// has its answer once that has the message, or when slaveTimeout is over.
func (t *tenure) drain() {
	limit, patience := drainTime, time.Duration(0)
	if t.isOver() {
		patience = handedTime
		if len(t.pair.master.Slaves()) == 0 { // nobody confirms any more
			t.pair.acks.GiveUp()
		}
	}
	if t.moved.Load() {
		limit = movedTime
	}
	var drained sync.WaitGroup
	if t.local != nil {
		drained.Go(func() { drainSoon(t.local, limit, patience, t.log) })
	}
	drainSoon(t.srv, limit, patience, t.log)
	drained.Wait()
}

// closed forgets what was there for the sake of a connection that has ended.
func (t *tenure) closed(conn *remoting.Conn) {
	t.broker.Closed(conn)
	t.pair.tables.Closed(conn)
	t.members.Closed(conn)
}

// begin does what comes before anybody is served: a master that was away looks
// whether another one is master now, takes back what its log lost, and begins an
// epoch where it must.
func (t *tenure) begin(ctx context.Context) error {
	if t.cfg.Slave() {
		return nil
	}
	if len(t.memory.Peers()) > 0 || t.memory.Handing() != "" {
		t.halves.Round(ctx)
		select {
		case <-t.change:
			return errNextTenure
		default:
		}
	}
	if t.memory.Handing() != "" {
		t.store.Shut()
	}
	if err := t.pair.restore(ctx, t); err != nil {
		return err
	}
	if t.store.Stats().ReadOnly {
		return nil // nothing is appended, and where the log is not indexed yet nobody knows whose records there are
	}
	made, err := t.store.AdoptOrphans()
	if err != nil {
		return fmt.Errorf("make the topics of records that have none: %w", err)
	}
	if len(made) > 0 {
		t.log.Warn("topics made that this broker has records of and had not copied: look at their settings", "topics", made)
	}
	if err := t.memory.Begin(t.store.Start(), t.store.End(), t.store.Unclean()); err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	t.log.Info("master", "epoch", t.memory.Epochs().Last().String(), "phyOffset", t.store.End())
	return nil
}

// watchLinks looks for the others at once when a link has come up, an address
// has arrived or the way to them is another, instead of when a wait is over.
func (t *tenure) watchLinks(ctx context.Context) error {
	wait := lifecycle.Backoff{Min: time.Second, Max: time.Minute}
	for told := false; ; told = true {
		err := link.Watch(ctx, t.linkUp)
		if err == nil {
			return nil
		}
		if !told { // it may be forbidden: everything is tried again in time
			t.log.Warn("changes of network links and routes are not heard of", "err", err)
		}
		if !wait.Wait(ctx) {
			return nil
		}
		t.linkUp()
	}
}

// linkUp looks whether this broker is found elsewhere now, and for the others.
func (t *tenure) linkUp() {
	if now, yes := t.findAgain(); yes {
		t.log.Warn("the address of this broker has changed; clients connect again", "was", t.host.String(), "address", now.host.String(), "haAddress", now.ha.String())
		t.moved.Store(true)
		t.over()
		return
	}
	if t.pair.slave != nil {
		t.pair.slave.Retry()
	}
	t.pair.master.LinksChanged()
	t.halves.Look()
	t.reg.LinkUp()
}

// over ends the tenure: the broker goes on in the role that it remembers, at the
// address that it has now. What follows registers in place of this, so nothing is unregistered: the entry may
// be another master's by now.
func (t *tenure) over() {
	t.changed.Do(func() {
		t.reg.Stay()
		close(t.change)
	})
}

// isOver says whether over was called.
func (t *tenure) isOver() bool {
	select {
	case <-t.change:
		return true
	default:
		return false
	}
}

func (t *tenure) close() error {
	for _, ln := range t.lns {
		ln.Close() // closed by its server already where that ran
	}
	t.cancel()
	t.measuring.Lock()
	defer t.measuring.Unlock()
	if t.pair != nil {
		t.pair.close()
	}
	return t.store.Close()
}
