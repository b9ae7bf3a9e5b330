package interop

import (
	"path/filepath"
	"testing"
	"time"

	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/peers"
	"pairmq/tools/interop/target"
	"pairmq/tools/interop/wire"
)

// TestBusyPair has clients send to a SYNC_MASTER while a disk takes nothing, its own or
// its slave's, and across a change of masters. Freezing a file system takes root.
func TestBusyPair(t *testing.T) {
	t.Parallel() // it waits more than it works
	if kind, err := target.Kind(); err != nil || kind != target.Pairmq {
		t.Skipf("the stores of pairmqd alone are put on disks of their own, not those of %s %v", kind, err)
	}
	dir := workDir(t)
	clients, goAgent := javaClientsIn(t, dir), buildGoAgent(t, dir)
	own := maker(t, target.Pairmq)
	t.Run("Own", func(t *testing.T) {
		t.Parallel()
		newBusyPair(t, clients, goAgent, own, own).own(t)
	})
	t.Run("ApacheSlave", func(t *testing.T) {
		t.Parallel()
		newBusyPair(t, clients, goAgent, own, maker(t, target.ApacheV5)).apache(t)
	})
}

// A busyPair is a pair whose brokers of ours each have a disk that can be frozen.
type busyPair struct {
	*pairing
	*sends
	disks map[*pair.Server]*frozen
}

func newBusyPair(t *testing.T, clients map[string]*peers.Peer, goAgent string, master, slave *pair.Maker) *busyPair {
	t.Helper()
	b := &busyPair{pairing: makePairing(t, clients, master, master, slave, pair.SyncMaster, "mappedFileSizeCommitLog=16777216", "maxMessageSize=4194304"), disks: map[*pair.Server]*frozen{}}
	for _, s := range []*pair.Server{b.master, b.slave} {
		if s.Kind == target.Pairmq {
			b.disks[s] = newFrozen(t, filepath.Join(s.Dir, "store"))
		}
	}
	b.begins(t)
	w := b.pairing.world
	w.goAgent = goAgent
	for _, name := range []string{"java-" + peers.V4, "java-" + peers.V5} {
		w.clients = append(w.clients, w.start(t, name, name, often...))
	}
	w.clients = append(w.clients, w.start(t, goClient, goClient))
	b.join(t)
	b.sends = newSends(t, w)
	return b
}

// own makes the slave master while the old one, which lives, stands still.
func (b *busyPair) own(t *testing.T) {
	old := b.master
	b.expected = "were set aside" // of old, what waited for its disk
	b.each(t, sendOK)
	b.disks[b.slave].freeze(t)
	b.each(t, flushSlaveTimeout) // the master's disk is well: nothing is refused, and nothing promised
	b.disks[b.slave].thaw(t)
	b.answers(t, wire.Success)
	b.each(t, sendOK)
	b.disks[old].freeze(t)
	filled := b.fill(t, old.Addr)
	b.each(t, busy)
	b.staysSlave(t) // its master answers
	b.force(t)
	b.each(t, slaveNotAvailable) // so much of what a SYNC_MASTER promises is to be had
	b.disks[old].thaw(t)
	filled(t)
	b.becomes(t, old.Addr, true)
	b.registered(t, old)
	b.answers(t, wire.Success)
	b.each(t, sendOK)
	b.stands(t)
	b.each(t, sendOK)
	b.follows(within(t, time.Minute), t, b.slave)
	for _, s := range []*pair.Server{b.master, b.slave} {
		b.check(t, s.Addr)
	}
}

// stands freezes the master's disk for a while.
func (b *busyPair) stands(t *testing.T) {
	t.Helper()
	b.disks[b.master].freeze(t)
	filled := b.fill(t, b.master.Addr)
	b.each(t, busy)
	b.disks[b.master].thaw(t)
	filled(t)
	b.logf(t, "%s stood still, and goes on", b.master.Name())
}

// force makes the slave master while the old one lives.
func (b *busyPair) force(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if _, err := ask(within(t, 30*time.Second), b.slave.Addr, wire.NewCommand(promoteBroker, "force", true)); err != nil {
		t.Fatal(err)
	}
	b.master, b.slave = b.slave, b.master
	b.becomes(t, b.master.Addr, false)
	b.logf(t, "the slave is master after %v", time.Since(begin).Round(time.Millisecond))
}

// apache kills the master when its disk has stood still, and makes a slave of Apache's master.
func (b *busyPair) apache(t *testing.T) {
	b.each(t, sendOK)
	b.stands(t)
	b.answers(t, wire.Success)
	b.each(t, sendOK)
	b.follows(within(t, time.Minute), t, b.slave)
	b.master.Kill()
	b.listed(t, b.master, false)
	b.slave.Kill() // it would take half a minute to stop
	b.takeOver(t)
	b.each(t, sendOK)
	b.check(t, b.master.Addr)
}
