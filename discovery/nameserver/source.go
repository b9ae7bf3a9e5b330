package nameserver

import (
	"fmt"
	"net/netip"

	"pairmq/internal/remoting"
)

// sourceOf is the address that conn counts for, by remoting's rules; zero if it comes from
// this machine.
func sourceOf(conn *remoting.Conn) netip.Addr {
	if from, other := conn.Source(); other {
		return from
	}
	return netip.Addr{}
}

// shareOf is whose share of all brokers and topics counts: that of who comes from elsewhere,
// but for brokers that are allowed by name.
func (s *Server) shareOf(conn *remoting.Conn) netip.Addr {
	if s.opts.Allowed != nil {
		return netip.Addr{}
	}
	return sourceOf(conn)
}

// owns says whether a request from an address may speak for m: it comes from where m
// registered, or from this machine. Of one that has not come back since a restart what it
// registered is all there is to go by.
func (m *member) owns(from netip.Addr) bool {
	if !from.IsValid() || m.conn != nil {
		return !from.IsValid() || m.from == from
	}
	at, err := netip.ParseAddrPort(m.addr)
	return err == nil && remoting.SourceOf(at.Addr()) == from
}

// speaks says whether a request from an address may speak for a brokerName: for any of its
// members. r.mu is held.
func (r *routes) speaks(brokerName string, from netip.Addr) bool {
	if g := r.groups[brokerName]; g != nil {
		for _, m := range g.members {
			if m.owns(from) {
				return true
			}
		}
	}
	return false
}

// One source may have half of all brokers and topics, and all others together leave an
// eighth to this machine's own: a stranger who registers what is not there keeps nobody out.

// fits says whether one more broker from an address may be registered. r.mu is held.
func (r *routes) fits(from netip.Addr) error {
	most := r.maxMembers
	if from.IsValid() {
		most -= most / 8
		its := 0
		for _, g := range r.groups {
			for _, m := range g.members {
				if m.from == from {
					its++
				}
			}
		}
		if half := max(1, r.maxMembers/2); its >= half {
			return fmt.Errorf("%w: at most %d are allowed from one address", errFull, half)
		}
	}
	if r.members >= most {
		return fmt.Errorf("%w: at most %d are allowed", errFull, most)
	}
	return nil
}

// room is how many more topics of brokers from an address may be kept. r.mu is held.
func (r *routes) room(from netip.Addr) int {
	if !from.IsValid() {
		return r.maxEntries - r.entries
	}
	its := 0
	for _, g := range r.groups {
		for _, m := range g.members {
			if m.from == from {
				its += g.topics
				break
			}
		}
	}
	return max(0, min(r.maxEntries-r.maxEntries/8-r.entries, max(1, r.maxEntries/2)-its))
}
