package broker

import (
	"net/netip"

	"pairmq/internal/remoting"
)

// A portion is how much each address has of something of which there is only so much.
// None has more than half of it, so that one stranger leaves some to others; this machine
// itself may have all. It is guarded by whoever counts the whole.
type portion struct {
	most int
	of   map[netip.Addr]int
}

func newPortion(whole int) portion { return portion{most: max(1, whole/2), of: map[netip.Addr]int{}} }

// sourceOf is the address that conn counts for; zero if it comes from this machine.
func sourceOf(conn *remoting.Conn) netip.Addr {
	if from, other := conn.Source(); other {
		return from
	}
	return netip.Addr{}
}

// has says whether an address may have n more.
func (p *portion) has(from netip.Addr, n int) bool { return !from.IsValid() || p.of[from]+n <= p.most }

// add counts n for an address; below 0 it has given them back.
func (p *portion) add(from netip.Addr, n int) {
	if !from.IsValid() {
		return
	}
	if p.of[from] += n; p.of[from] == 0 {
		delete(p.of, from)
	}
}
