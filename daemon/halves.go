package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"pairmq/discovery"
	"pairmq/internal/remoting"
	"pairmq/replica"
	"pairmq/replica/epoch"
	"pairmq/replica/pair"
)

// namesrvAskTime is how long a name server may take to list brokers,
// namesrvLateTime how much longer than the first one that answers, and
// namesrvListTime how long its list is good.
const (
	namesrvAskTime  = time.Second
	namesrvLateTime = 100 * time.Millisecond
	namesrvListTime = 30 * time.Second
)

// newHalves makes what looks for the other halves of the pair and answers them.
func newHalves(t *tenure) (*pair.Pair, error) {
	servers, err := discovery.ParseList(t.cfg.NamesrvAddr)
	if err != nil {
		return nil, fmt.Errorf("namesrvAddr: %w", err)
	}
	l := newLister(servers, t.client, t.cfg.BrokerName)
	if t.was != t.host.String() {
		l.except = t.was // name servers still have it, and nobody is there
	}
	t.others = l.others
	t.setServers = func(servers []string) {
		l.set(servers)
		t.reg.SetServers(servers)
	}
	others := func(ctx context.Context) []string {
		all := l.others(ctx)
		for _, addr := range []string{t.pair.main.get(), t.pair.rumour.get()} { // they told it since
			if addr != "" && !slices.Contains(all, addr) {
				all = append(all, addr)
			}
		}
		return all
	}
	return pair.New(pair.Options{
		Memory: t.memory, Client: t.circle, Self: t.state, Others: others,
		Superseded: t.superseded, Master: t.metMaster, Slave: t.pair.master.Ours, Log: t.log.With("part", "pair"),
	})
}

// state is what this broker says of itself.
func (t *tenure) state() pair.State {
	s := pair.State{
		BrokerName: t.cfg.BrokerName, Role: t.cfg.BrokerRole, BrokerID: t.cfg.BrokerID, SlaveID: t.memory.SlaveID(),
		Addr: t.host.String(), HAAddr: t.ha.String(), SegmentSize: t.cfg.SegmentSize,
		Epochs: t.memory.Epochs(), HandingTo: t.memory.Handing(),
	}
	s.Start = t.store.Start() // before the end, which only grows
	s.End = max(t.store.Confirmed(), s.Start)
	return s
}

// superseded makes a master that another one has replaced a slave of it.
func (t *tenure) superseded(s pair.State) {
	if err := t.memory.Yield(s.SlaveID); err != nil {
		t.log.Error("cannot give way to the new master", "master", s.Addr, "err", err)
		return
	}
	t.log.Warn("this broker gives way and becomes a slave", "master", s.Addr, "epoch", s.Epoch().String())
	t.over()
}

// metMaster tells a slave of a master where no name server has told of one, or, with a secret, has told of
// another than who has shown it.
func (t *tenure) metMaster(s pair.State) {
	main := t.pair.main.get()
	proven := t.platform.peers.secret() != nil
	if proven {
		t.pair.met.note(s.Addr)
	}
	if main != "" && main != s.Addr && proven {
		t.log.Warn("name servers tell of another master than who has shown that it is: it is not followed", "told", main, "master", s.Addr)
	}
	if main == "" || main != s.Addr && proven {
		t.pair.found(&t.cfg, s.Addr, s.HAAddr)
	}
}

// told is told by the registrar where the slave's master is.
func (t *tenure) told(main, ha string) {
	if t.pair.met.other(main) { // it may be true: it is asked
		t.pair.rumour.set(main)
		t.halves.Look()
		return
	}
	t.pair.found(&t.cfg, main, ha)
}

// A lister asks all name servers for the brokers of one name.
type lister struct {
	client *remoting.Client
	name   string
	except string // an address of this broker's own

	mu      sync.Mutex // held while they are asked
	servers []string
	last    time.Time           // when all have answered
	known   map[string][]string // by name server: its last answer
}

func newLister(servers []string, client *remoting.Client, name string) *lister {
	return &lister{servers: servers, client: client, name: name, known: map[string][]string{}}
}

// set changes the list of name servers.
func (l *lister) set(servers []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.servers, l.last = servers, time.Time{}
}

// others returns the addresses that any name server knows, or knew last, under
// the name. They are asked now and then, and again each time while one does not answer.
func (l *lister) others(ctx context.Context) (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.IsZero() || time.Since(l.last) >= namesrvListTime {
		l.ask(ctx)
	}
	for _, server := range l.servers {
		all = append(all, l.known[server]...)
	}
	return slices.DeleteFunc(all, func(addr string) bool { return addr == l.except })
}

// ask asks all of them; l.mu is held. A broker registers only after that: one that
// does not answer must not keep it from those that do.
func (l *lister) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, namesrvAskTime)
	defer cancel()
	answered := sync.OnceFunc(func() { time.AfterFunc(namesrvLateTime, cancel) })
	lists, errs := make([][]string, len(l.servers)), make([]error, len(l.servers))
	var wg sync.WaitGroup
	for i, server := range l.servers {
		wg.Go(func() {
			if lists[i], errs[i] = brokersOf(ctx, l.client, server, l.name); errs[i] == nil {
				answered()
			}
		})
	}
	wg.Wait()
	for i, server := range l.servers {
		if errs[i] == nil {
			l.known[server] = lists[i]
		}
	}
	if errors.Join(errs...) == nil {
		l.last = time.Now()
	}
}

// brokersOf asks one name server for the addresses of all brokers of a name.
func brokersOf(ctx context.Context, client *remoting.Client, server, name string) (addrs []string, err error) {
	resp, err := client.Call(ctx, server, &remoting.Command{Code: remoting.ReqGetBrokerClusterInfo})
	if err != nil {
		return nil, err
	}
	if resp.Code != remoting.RespSuccess {
		return nil, fmt.Errorf("the name server %s answers %s", server, remoting.ResponseName(resp.Code))
	}
	info, err := discovery.DecodeClusterInfo(resp.Body)
	if err != nil {
		return nil, err
	}
	for _, addr := range info.BrokerAddrTable[name].BrokerAddrs {
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// meetTime bounds a slave's question for its master's epochs.
const meetTime = 3 * time.Second

// plainTime is how long a slave that has only haMasterAddress waits to be told
// where that master answers, before it copies without epochs.
const plainTime = 10 * time.Second

// A meeting asks a slave's master for its epochs, over the port for clients.
type meeting struct{ t *tenure }

// Meet implements replica.Histories.
func (m meeting) Meet(ctx context.Context) (epoch.History, error) {
	addr := m.t.pair.main.get()
	if addr == "" { // haMasterAddress is all that is known
		if time.Since(m.t.began) < plainTime || len(m.t.memory.Epochs()) > 0 {
			// Bytes copied without their epochs would seem to be none of the master's later.
			return nil, errors.New("nobody has told yet where the master answers, which is asked for its epochs")
		}
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, meetTime)
	defer cancel()
	own := m.t.state()
	his, err := pair.Ask(ctx, m.t.circle, addr, &own)
	switch {
	case isPlain(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("ask the master for its epochs: %w", err)
	case his.BrokerName != own.BrokerName:
		return nil, fmt.Errorf("%s is a broker of another name, %q", addr, his.BrokerName)
	case !his.Master():
		return nil, fmt.Errorf("%s is no master now, it is a slave as well", addr)
	case his.SegmentSize != own.SegmentSize:
		return nil, fmt.Errorf("%w: the master's segments have %d bytes, this slave's %d: mappedFileSizeCommitLog must be the same on both", replica.ErrForeign, his.SegmentSize, own.SegmentSize)
	}
	return his.Epochs, m.t.memory.NotePeer(addr, his.Role)
}

// Own implements replica.Histories.
func (m meeting) Own() epoch.History { return m.t.memory.Epochs() }

// Adopt implements replica.Histories.
func (m meeting) Adopt(h epoch.History) error { return m.t.memory.Adopt(h) }
