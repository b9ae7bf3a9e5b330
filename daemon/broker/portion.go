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

// site is the key of all networks of a site together; zero if from is IPv4.
func site(from netip.Addr) netip.Addr {
	if !from.Is6() {
		return netip.Addr{}
	}
	return remoting.SiteOf(from).WithZone("site") // no network has that
}

// has says whether an address may have n more: its site, of IPv6, has half as much again,
// however many networks it has.
func (p *portion) has(from netip.Addr, n int) bool {
	return !from.IsValid() || p.of[from]+n <= p.most && (!from.Is6() || p.of[site(from)]+n <= p.most+p.most/2)
}

// add counts n for an address; below 0 it has given them back.
func (p *portion) add(from netip.Addr, n int) {
	for _, key := range [...]netip.Addr{from, site(from)} {
		if !key.IsValid() {
			continue
		}
		if p.of[key] += n; p.of[key] == 0 {
			delete(p.of, key)
		}
	}
}
