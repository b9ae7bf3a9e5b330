package discovery

import (
	"fmt"
	"net/netip"
	"sync"

	"pairmq/internal/remoting"
)

// masterInfo is what a name server tells a slave of its master; zero if it
// knows none.
type masterInfo struct{ addr, ha string }

// parseMaster reads the answer to a registration. It fails with ErrAddr for
// addresses that cannot be dialled, that lead to other services of this host, or that
// are this broker's own: a slave that followed itself would never stop. Whoever is
// at them is asked who he is before anything is copied.
func parseMaster(f remoting.Fields, own string) (masterInfo, error) {
	m := masterInfo{addr: f.Get("masterAddr"), ha: f.Get("haServerAddr")}
	if m.addr == "" {
		return masterInfo{}, nil
	}
	if m.addr == own {
		return masterInfo{}, fmt.Errorf("%w: masterAddr %s is this slave's own address", ErrAddr, m.addr)
	}
	here := hostOf(own)
	if err := CheckReachable(m.addr, here); err != nil {
		return masterInfo{}, fmt.Errorf("masterAddr: %w", err)
	}
	if m.ha == "" {
		return m, nil
	}
	if err := CheckReachable(m.ha, here); err != nil {
		return masterInfo{}, fmt.Errorf("haServerAddr: %w", err)
	}
	return m, nil
}

// hostOf is the IP address in addr, the zero one if it has a name.
func hostOf(addr string) netip.Addr {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}

// A masterChoice makes one master of what several name servers say. It stays
// with the one it has while any of them still names it, so that two that
// disagree for a while do not make a slave go to and fro.
type masterChoice struct {
	report func(masterAddr, haAddr string) // nil: nobody wants to know

	mu      sync.Mutex
	current masterInfo
	says    map[string]masterInfo // what each name server that answers says, if it names one
}

// heard notes what the name server at addr says now.
func (c *masterChoice) heard(addr string, m masterInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.says == nil {
		c.says = make(map[string]masterInfo)
	}
	c.says[addr] = m
	if m == (masterInfo{}) {
		delete(c.says, addr)
	}
	next := m
	for _, other := range c.says {
		if other == c.current {
			return
		}
		if next == (masterInfo{}) {
			next = other
		}
	}
	if next == c.current {
		return
	}
	c.current = next
	if c.report != nil {
		c.report(next.addr, next.ha)
	}
}

// wanted says whether somebody waits to know the master, and none is known.
func (c *masterChoice) wanted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.report != nil && c.current == (masterInfo{})
}

// lost forgets what a name server that no longer answers has said; the choice
// stays until another says something else.
func (c *masterChoice) lost(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.says, addr)
}
