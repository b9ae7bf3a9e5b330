package replica

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// mostWaiting is how many connections are made sure of at a time.
const mostWaiting = 32

// mostSpared is how many connections of one place are spared at a time.
const mostSpared = 4

// A lobby has the connections that have not shown yet who they are. They take no slave's
// place, and there are mostWaiting at most: for one more, the oldest goes of where most of them come from.
// So whoever fills the lobby pushes out his own. Where that are several places, as when a crowd comes
// from one address each, it is by lot which: a half of which nobody knows has a chance then with
// each attempt. A few connections of where halves are known to be are spared while there are others.
type lobby struct {
	mu     sync.Mutex
	guests []*guest // the oldest first
	closed bool
}

type guest struct {
	nc    net.Conn
	known bool         // the other half may be, or has been, at its address
	from  netip.Prefix // IPv4: the address; IPv6: a network, in which one host has any number of addresses
}

// enter takes a connection in, and closes another one if there is no place.
func (l *lobby) enter(nc net.Conn, known bool) *guest {
	_, remote := ends(nc)
	bits := 32
	if remote.Is6() {
		bits = 64
	}
	g := &guest{nc: nc, known: known}
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

// crowd is the oldest guest of the place most of them come from, spared ones left out.
func (l *lobby) crowd() int {
	count := map[netip.Prefix]int{}
	for _, g := range l.guests {
		count[g.from]++
	}
	goes := l.most(func(g *guest) int {
		if g.known && count[g.from] <= mostSpared {
			return 0
		}
		return count[g.from]
	})
	if goes < 0 {
		goes = l.most(func(g *guest) int { return count[g.from] })
	}
	return goes
}

// most is the oldest guest of a place with the highest count; -1 if all have none.
func (l *lobby) most(count func(*guest) int) int {
	top, first := 0, map[netip.Prefix]int{} // the oldest of each place that has it
	for i, g := range l.guests {
		n := count(g)
		if n > top {
			top = n
			clear(first)
		}
		if _, older := first[g.from]; n == top && n > 0 && !older {
			first[g.from] = i
		}
	}
	if len(first) == 0 {
		return -1
	}
	lot := rand.IntN(len(first))
	for _, i := range first {
		if lot == 0 {
			return i
		}
		lot--
	}
	return -1
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
