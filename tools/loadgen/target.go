package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// ErrRemote is the cause of a refusal to load a broker that does not run on
// this machine: who means it sets Target.AllowRemote.
var ErrRemote = errors.New("loadgen: refuses to load a broker on another machine")

// A Target is the broker to load.
type Target struct {
	Addr        string                                                            // host:port; required
	AllowRemote bool                                                              // load it although it is not on loopback
	Timeout     time.Duration                                                     // to connect, and between two replies before a run is given up; 0 means 10 s
	Dial        func(ctx context.Context, network, addr string) (net.Conn, error) // nil means TCP
}

// check resolves the host of the target and fails with ErrRemote if any of
// its addresses is not loopback and the target does not allow that.
func (t Target) check(ctx context.Context) error {
	host, _, err := net.SplitHostPort(t.Addr)
	if err != nil {
		return fmt.Errorf("loadgen: broker address: %w", err)
	}
	if t.AllowRemote {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return mustBeLoopback(t.Addr, ip)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("loadgen: broker address %s: %w", t.Addr, err)
	}
	for _, ip := range ips {
		if err := mustBeLoopback(t.Addr, ip); err != nil {
			return err
		}
	}
	return nil
}

func mustBeLoopback(addr string, ip netip.Addr) error {
	if ip.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("%w: %s is %s", ErrRemote, addr, ip)
}

func (t Target) timeout() time.Duration { return cmp.Or(t.Timeout, 10*time.Second) }

// dialAll opens n connections, or none.
func (t Target) dialAll(ctx context.Context, n int) ([]net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout())
	defer cancel()
	dial := t.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conns := make([]net.Conn, 0, n)
	for range n {
		c, err := dial(ctx, "tcp", t.Addr)
		if err != nil {
			closeAll(conns)
			return nil, fmt.Errorf("loadgen: connection %d of %d: %w", len(conns)+1, n, err)
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		c.Close()
	}
}
