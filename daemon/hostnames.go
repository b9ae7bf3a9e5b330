package main

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bounds of what is believed of names of hosts.
const (
	nameTime    = 3 * time.Second // for one of them to be looked up
	nameAgain   = time.Minute     // between two looks
	nameSoon    = 2 * time.Second // the same while one has never been found
	nameMaxAddr = 16              // of one name
)

// hostNames knows the addresses of hosts that are configured by name. It asks for them beside
// whoever wants to know, and keeps what it had where nobody answers.
type hostNames struct {
	lookup lookup
	hosts  []string

	mu     sync.Mutex
	known  map[string][]netip.Addr
	asked  time.Time
	asking bool
}

func newHostNames(l lookup) *hostNames {
	return &hostNames{lookup: l, known: map[string][]netip.Addr{}}
}

// add is called before have is.
func (n *hostNames) add(host string) { n.hosts = append(n.hosts, host) }

func (n *hostNames) none() bool { return len(n.hosts) == 0 }

// have says whether one of the hosts is known to have the address. It does not block: what is
// asked for first, or has changed, is known a little later.
func (n *hostNames) have(addr netip.Addr) bool {
	if n.none() {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	every, found := nameAgain, false
	for _, host := range n.hosts {
		addrs := n.known[host]
		if found = found || slices.Contains(addrs, addr); len(addrs) == 0 {
			every = nameSoon
		}
	}
	if !n.asking && (n.asked.IsZero() || time.Since(n.asked) >= every) {
		n.asking = true
		go n.ask()
	}
	return found
}

// ask looks all of them up once; each may take nameTime, whatever the others took.
func (n *hostNames) ask() {
	for _, host := range n.hosts {
		ctx, cancel := context.WithTimeout(context.Background(), nameTime)
		addrs, err := n.lookup(ctx, "ip", host)
		cancel()
		if err != nil || len(addrs) == 0 {
			continue
		}
		addrs = addrs[:min(len(addrs), nameMaxAddr)]
		for i, a := range addrs {
			addrs[i] = a.Unmap() // with its link, if it is of one: without, no connection comes from it
		}
		n.mu.Lock()
		n.known[host] = addrs
		n.mu.Unlock()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asking, n.asked = false, time.Now()
}
