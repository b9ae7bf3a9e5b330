package interop

import (
	"testing"
	"time"

	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
)

// A pair's corpus: every body of pairSeed's that is larger than a segment of
// pair.SegmentSize is text, which clients compress.
const (
	pairSeed   = 51
	pairCorpus = messages + pairOutage + pairAfter
	pairOutage = 4000 // of these are sent while the slave is away
	pairAfter  = 1000 // and these by pairs whose slave is made master
)

// TestPair has brokers replicate, then kills the master, and has consumers get
// everything from the slave (R12). The subject is on one side or both.
func TestPair(t *testing.T) {
	kind, err := target.Kind()
	if err != nil {
		t.Fatal(err)
	}
	subject, err := pair.NewMaker(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	clients := javaClients(t)
	apache := func(t *testing.T, run func(t *testing.T, m *pair.Maker, client string)) {
		for _, version := range []string{peers.V4, peers.V5} {
			t.Run(version, func(t *testing.T) {
				t.Parallel()
				m, err := pair.NewMaker(t.Context(), "apache-"+version)
				if err != nil {
					t.Fatal(err)
				}
				run(t, m, "java-"+version)
			})
		}
	}
	t.Run("ApacheMaster", func(t *testing.T) {
		apache(t, func(t *testing.T, m *pair.Maker, client string) { behindApache(t, clients, m, subject, client) })
	})
	t.Run("ApacheSlave", func(t *testing.T) {
		apache(t, func(t *testing.T, m *pair.Maker, client string) { aheadOfApache(t, clients, subject, m, client) })
	})
	t.Run("Own", func(t *testing.T) { ownPair(t, clients, subject) })
}

// behindApache has the subject as slave of an Apache master, whose name server
// is Apache's as well.
func behindApache(t *testing.T, clients map[string]*peers.Peer, apache, subject *pair.Maker, client string) {
	p := newPairing(t, clients, apache, apache, subject, pair.AsyncMaster)
	agent := p.start(t, client, client)
	p.join(t)
	p.produce(t, agent, messages, "SEND_OK")
	p.large(t)
	p.delayed(t)
	p.commit(t)
	p.equal(t)
	p.setSync(t)
	p.acknowledged(t)
	p.outage(t, agent)
	p.acknowledged(t)
	t.Run("Metadata", p.metadata)
	p.late(t, subject)
	p.staysSlave(t)
	p.failover(t)
	p.drain(t, "Drain", agent)
	p.promote(t)
	p.produce(t, agent, pairAfter, "SEND_OK") // what the role of Apache's was is not known to the subject: it waits for no slave
	p.drainMaster(t, "DrainAgain", agent)
}

// aheadOfApache has the subject as SYNC_MASTER of an Apache slave, with a name
// server of the subject's kind.
func aheadOfApache(t *testing.T, clients map[string]*peers.Peer, subject, apache *pair.Maker, client string) {
	p := newPairing(t, clients, subject, subject, apache, pair.SyncMaster)
	agent := p.start(t, client, client)
	p.join(t)
	p.produce(t, agent, messages, "SEND_OK")
	p.large(t)
	p.commit(t)
	p.equal(t)
	p.acknowledged(t)
	t.Run("Metadata", p.metadata) // first: a slave that starts again copies nothing for a while
	p.outage(t, agent)
	p.acknowledged(t)
	if apache.Kind == target.ApacheV4 { // 5.4.0's asks for topics a minute after its start, once is enough
		p.late(t, apache)
	}
	p.failover(t)
	p.drain(t, "Drain", agent)
}

// ownPair has the subject on both sides, and kills the slave under load first.
func ownPair(t *testing.T, clients map[string]*peers.Peer, subject *pair.Maker) {
	p := newPairing(t, clients, subject, subject, subject, pair.SyncMaster)
	v4, v5 := p.start(t, "java-"+peers.V4, "java-"+peers.V4), p.start(t, "java-"+peers.V5, "java-"+peers.V5)
	p.join(t)
	p.produce(t, v5, messages, "SEND_OK")
	p.large(t)
	p.commit(t)
	p.equal(t)
	p.acknowledged(t)
	p.outage(t, v4)
	p.acknowledged(t)
	t.Run("Metadata", p.metadata)
	p.late(t, subject)
	p.failover(t)
	p.drain(t, "Drain", v4, v5)
	p.promote(t)
	p.produce(t, v5, pairAfter/2, "SLAVE_NOT_AVAILABLE")
	p.comeBack(t)
	p.produce(t, v4, pairAfter/2, "SEND_OK")
	p.equal(t)
	p.handOver(t)
	p.acknowledged(t)
	p.failover(t)
	p.drain(t, "DrainAgain", v5, v4)
}

// javaClients compiles the Java agent of each version, once for all pairs.
func javaClients(t *testing.T) map[string]*peers.Peer {
	t.Helper()
	return javaClientsIn(t, workDir(t))
}

// javaClientsIn is javaClients with the agents in dir.
func javaClientsIn(t *testing.T, dir string) map[string]*peers.Peer {
	t.Helper()
	all := map[string]*peers.Peer{}
	begin := time.Now()
	for _, version := range []string{peers.V4, peers.V5} {
		all["java-"+version] = javaClient(t, dir, version)
	}
	t.Logf("agents compiled in %v", time.Since(begin).Round(time.Millisecond))
	return all
}

// javaClient compiles the Java agent of a version in dir.
func javaClient(t *testing.T, dir, version string) *peers.Peer {
	t.Helper()
	p, err := peers.Fetch(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Compile(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return p
}
