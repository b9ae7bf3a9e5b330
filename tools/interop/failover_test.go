package interop

import (
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/agents"
	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
)

// A failover is a pair whose master dies, and clients that go on.
type failover struct {
	*pairing
	shells map[string]*adminShell // by version
	old    *pair.Server           // the master that dies
	killed time.Time              // when
}

// own says whether both brokers are pairmq's.
func (f *failover) own() bool { return f.master.Kind == target.Pairmq && f.slave.Kind == target.Pairmq }

// TestFailover kills the master of a pair, and makes its slave master: what clients look
// for is found as before, requests get their replies, consumers by broadcast go on from
// offsets of their own, and others from where they were reset; traces are kept, operators see
// the same, and what was not allowed is not.
func TestFailover(t *testing.T) {
	t.Parallel() // it waits more than it works
	dir := workDir(t)
	clients, goAgent := javaClientsIn(t, dir), buildGoAgent(t, dir)
	versions := []string{peers.V4, peers.V5}
	eachPair(t, "", versions, versions, func(t *testing.T, master, slave *pair.Maker) {
		both := versions
		for _, kind := range []string{master.Kind, slave.Kind} {
			if version, apache := strings.CutPrefix(kind, "apache-"); apache {
				both = []string{version} // its mqadmin alone
			}
		}
		newFailover(t, clients, goAgent, master, slave, both...).run(t)
	})
}

// newFailover starts a pair, and clients and tools of these versions, and the one in Go.
func newFailover(t *testing.T, clients map[string]*peers.Peer, goAgent string, master, slave *pair.Maker, versions ...string) *failover {
	t.Helper()
	f := &failover{pairing: newPairing(t, clients, master, master, slave, pair.AsyncMaster, "traceTopicEnable=true"), shells: map[string]*adminShell{}}
	f.goAgent, f.old = goAgent, f.master
	for _, version := range versions {
		name := "java-" + version
		f.clients = append(f.clients, f.start(t, name, name, often...))
		f.shells[version] = newAdminShell(t, clients[name], f.dir, f.namesrv.Addr, "run")
	}
	f.clients = append(f.clients, f.start(t, goClient, goClient))
	f.join(t)
	return f
}

func (f *failover) run(t *testing.T) {
	stage := func(name string, run func(*testing.T)) {
		t.Helper()
		f.reconnect(t)
		begin := time.Now()
		if !t.Run(name, run) {
			t.FailNow()
		}
		f.logf(t, "%s took %v", name, time.Since(begin).Round(time.Millisecond))
	}
	q, r, b, o := &queriesPair{failover: f}, &requestsPair{failover: f}, &broadcastPair{failover: f}, &offsetsPair{failover: f}
	stage("QueriesBefore", q.before)
	own := f.own()
	or := &orderedPair{failover: f}
	if own {
		or.start(t)
	}
	b.crashers = b.startCrashers(t)
	stage("BroadcastBefore", b.before)
	stage("RequestsBefore", r.before)
	op, tr, li := &operatorPair{failover: f}, &tracePair{failover: f}, &limitsPair{failover: f}
	stage("LimitsBefore", li.before)
	stage("TracesBefore", tr.before)
	stage("OperatorsBefore", op.before)
	stage("OffsetsBefore", o.before) // last: it waits until the slave has copied that, and so the topics
	stage("BroadcastCrash", b.crash)
	ga := &goAdminPair{failover: f}
	pf, po := &popFiltersPair{failover: f}, &popOrdersPair{failover: f}
	l, e := &laterPair{failover: f}, &endedPair{failover: f}
	re := &recallPair{failover: f}
	if own { // with Apache's TestDelayedPair and TestTransactionPair are
		stage("GoAdminBefore", ga.before)
		stage("PopFiltersBefore", pf.before)
		stage("PopOrdersBefore", po.before)
		stage("EndedBefore", e.before)
		stage("OrdersBefore", or.before)
		stage("RecallBefore", re.before)
		stage("LaterBefore", l.before)
	}
	stage("RequestsInFlight", r.fly)
	l.waiting(t)
	if own {
		or.fly(t)
	}
	end := f.follows(within(t, time.Minute), t, f.slave)
	f.master.Kill()
	f.killed = time.Now()
	f.listed(t, f.master, false)
	f.logf(t, "master killed, with a log of %d bytes", end)
	if !t.Run("QueriesAtTheSlave", q.down) {
		t.FailNow()
	}
	f.takeOver(t)
	if own {
		stage("RecallPromoted", re.promoted)
	}
	stage("QueriesAfter", q.after)
	stage("LimitsAfter", li.after)
	stage("OffsetsAfter", o.after)
	stage("BroadcastAfter", b.after)
	stage("RequestsAfter", r.after)
	stage("TracesAfter", tr.after)
	stage("OperatorsAfter", op.after)
	if own {
		stage("GoAdminAfter", ga.after)
		stage("PopFiltersAfter", pf.after)
		stage("PopOrdersAfter", po.after)
		stage("OrdersAfter", or.after)
		stage("EndedAfter", e.after)
		stage("LaterAfter", l.after)
		stage("RecallEnd", re.end)
	}
	stage("OffsetsAtTheEnd", o.end)
	if own {
		f.comeBack(t)
		f.follows(within(t, time.Minute), t, f.slave) // it says that it is a slave before it has ended to be anything else
		stage("QueriesWithTheOldMaster", q.back)
		stage("OperatorsWithTheOldMaster", op.back)
	}
}

// java are the clients in Java.
func (f *failover) java() (all []*agents.Agent) {
	for _, a := range f.clients {
		if a.Java {
			all = append(all, a)
		}
	}
	return all
}
