package replica

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// mostWaiting is how many connections are made sure of at a time.
const mostWaiting = 32

// A lobby has the connections that have not shown yet who they are. They take no slave's
// place, and there are mostWaiting at most: for one more, the oldest goes of where most of them come from.
// So whoever fills the lobby pushes out his own.
type lobby struct {
	mu     sync.Mutex
	guests []*guest // the oldest first
	closed bool
}

type guest struct {
	nc   net.Conn
	from netip.Prefix // IPv4: the address; IPv6: a network, in which one host has any number of addresses
}

// enter takes a connection in, and closes another one if there is no place.
func (l *lobby) enter(nc net.Conn) *guest {
	_, remote := ends(nc)
	bits := 32
	if remote.Is6() {
		bits = 64
	}
	g := &guest{nc: nc}
	g.from, _ = remote.WithZone("").Prefix(bits) // the zero one where it is not TCP
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = nc.Close()
		return g
	}
	if l.guests = append(l.guests, g); len(l.guests) > mostWaiting {
		i := l.crowd()
		_ = l.guests[i].nc.Close()
		l.guests = slices.Delete(l.guests, i, i+1)
	}
	return g
}

// crowd is the oldest guest of the place most of them come from.
func (l *lobby) crowd() int {
	count := map[netip.Prefix]int{}
	for _, g := range l.guests {
		count[g.from]++
	}
	first := 0
	for i, g := range l.guests {
		if count[g.from] > count[l.guests[first].from] {
			first = i
		}
	}
	return first
}

func (l *lobby) leave(g *guest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.guests, g); i >= 0 {
		l.guests = slices.Delete(l.guests, i, i+1)
	}
}

// close ends all of them, and whoever comes.
func (l *lobby) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, g := range l.guests {
		_ = g.nc.Close()
	}
}
