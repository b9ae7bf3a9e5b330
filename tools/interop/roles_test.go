package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pairmq/tools/interop/wire"
)

// Requests about roles, and the role of a slave.
const (
	promoteBroker = 31002
	demoteBroker  = 31003
	roleSlave     = "SLAVE"
)

// promote makes the slave master; the old one is dead, of which the slave may have to hear first.
func (p *pairing) promote(t *testing.T) {
	t.Helper()
	begin := time.Now()
	ctx := within(t, 30*time.Second)
	eventually(ctx, t, "the promotion", func() error {
		_, err := ask(ctx, p.slave.Addr, wire.NewCommand(promoteBroker))
		if err != nil && !strings.Contains(err.Error(), "lives") {
			t.Fatal(err)
		}
		return err
	})
	p.master, p.slave = p.slave, p.master
	p.becomes(t, p.master.Addr, false)
	p.logf(t, "the slave is master after %v", time.Since(begin).Round(time.Millisecond))
}

// staysSlave has a slave refuse to be made master while its master lives.
func (p *pairing) staysSlave(t *testing.T) {
	t.Helper()
	resp, err := ask(within(t, 30*time.Second), p.slave.Addr, wire.NewCommand(promoteBroker))
	if err == nil {
		t.Fatalf("a slave was made master while its master, %s, lives: %d", p.master.Name(), resp.Code)
	}
	if !strings.Contains(err.Error(), "lives") {
		t.Fatalf("a promotion while the master lives: %v", err)
	}
	p.logf(t, "the promotion was refused: %v", err)
}

// comeBack starts the old master again: it becomes the slave by itself.
func (p *pairing) comeBack(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if err := p.slave.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.becomes(t, p.slave.Addr, true)
	p.registered(t, p.slave)
	p.answers(t, wire.Success)
	p.logf(t, "the old master is a slave that acknowledges after %v", time.Since(begin).Round(time.Millisecond))
}

// handOver swaps the roles of a pair that works.
func (p *pairing) handOver(t *testing.T) {
	t.Helper()
	begin := time.Now()
	if _, err := ask(within(t, 30*time.Second), p.master.Addr, wire.NewCommand(demoteBroker)); err != nil {
		t.Fatal(err)
	}
	p.master, p.slave = p.slave, p.master
	p.becomes(t, p.master.Addr, false)
	p.becomes(t, p.slave.Addr, true)
	p.registered(t, p.slave)
	p.answers(t, wire.Success)
	p.logf(t, "roles were swapped, and the slave acknowledges, after %v", time.Since(begin).Round(time.Millisecond))
}

// becomes waits until a broker is a slave, or master, and the name server's
// connection to it is new; the test's own leads to the master.
func (p *pairing) becomes(t *testing.T, addr string, slave bool) {
	t.Helper()
	eventually(within(t, 30*time.Second), t, fmt.Sprintf("%s is a slave: %v", addr, slave), func() error {
		info, err := runtimeInfo(t.Context(), addr)
		if err == nil && (info["brokerRole"] == roleSlave) != slave {
			err = fmt.Errorf("it is %s", info["brokerRole"])
		}
		return err
	})
	p.reconnect(t)
	p.registered(t, p.master)
}
