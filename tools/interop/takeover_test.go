package interop

import (
	"testing"
	"time"

	"pairmq/tools/interop/pair"
	"pairmq/tools/interop/target"
)

// eachPair runs a test of what a slave does that becomes master: with a pair of the subject, and, if
// that is pairmq, with it behind masters and ahead of slaves of these versions of Apache's.
func eachPair(t *testing.T, prefix string, masters, slaves []string, run func(t *testing.T, master, slave *pair.Maker)) {
	t.Helper()
	kind, err := target.Kind()
	if err != nil {
		t.Fatal(err)
	}
	subject := maker(t, kind)
	parallel := func(name string, master, slave *pair.Maker) {
		t.Run(prefix+name, func(t *testing.T) { t.Parallel(); run(t, master, slave) })
	}
	parallel("Own", subject, subject)
	if kind != target.Pairmq {
		return
	}
	for _, version := range masters {
		parallel("ApacheMaster/"+version, maker(t, "apache-"+version), subject)
	}
	for _, version := range slaves {
		parallel("ApacheSlave/"+version, subject, maker(t, "apache-"+version))
	}
}

func maker(t *testing.T, kind string) *pair.Maker {
	t.Helper()
	m, err := pair.NewMaker(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// takeOver makes the slave master, by a start in the other role if it is Apache's.
func (p *pairing) takeOver(t *testing.T) {
	t.Helper()
	if p.slave.Kind == target.Pairmq {
		p.promote(t)
		return
	}
	begin := time.Now()
	if err := p.slave.Stop(); err != nil {
		t.Log(err) // Apache's exit as killed
	}
	p.slave.Become(pair.AsyncMaster)
	if err := p.slave.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.master, p.slave = p.slave, p.master
	p.reconnect(t)
	p.registered(t, p.master)
	p.logf(t, "the slave is master after %v", time.Since(begin).Round(time.Millisecond))
}
