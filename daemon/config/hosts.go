package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Hosts are addresses and networks of a list, each that of a link where it is the same on all.
type Hosts []Host

// A Host is an address or a network.
type Host struct {
	Net  netip.Prefix
	Link string // the only link on which it counts; empty where the address says enough
}

// Has says whether addr, as a connection has it, is one of h.
func (h Hosts) Has(addr netip.Addr) bool {
	for _, one := range h {
		if one.Has(addr) {
			return true
		}
	}
	return false
}

// Has says whether addr is h, or of it.
func (h Host) Has(addr netip.Addr) bool {
	return h.Net.Contains(addr.Unmap().WithZone("")) && (h.Link == "" || h.Link == addr.Zone())
}

// String is h as ParseHosts reads it.
func (h Host) String() string {
	a := h.Net.Addr().WithZone(h.Link).String()
	if h.Net.IsSingleIP() {
		return a
	}
	return a + "/" + strconv.Itoa(h.Net.Bits())
}

// String is h as ParseHosts reads it.
func (h Hosts) String() string {
	var all []string
	for _, one := range h {
		all = append(all, one.String())
	}
	return strings.Join(all, ";")
}

// ParseHosts reads addresses and networks separated by semicolons, as in
// 192.168.1.11;2001:db8::/64;fe80::1%eth0. An address is the network of itself alone. IPv4 within IPv6 becomes
// IPv4, as which connections are known. An address that any link may have again needs the link's
// name: another host has it there.
func ParseHosts(list string) (all Hosts, err error) {
	for item := range strings.SplitSeq(list, ";") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		h, err := parseHost(item)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

func parseHost(item string) (Host, error) {
	h, err := readHost(item)
	if err != nil {
		return h, fmt.Errorf("has %.80q; want an address or a network, as in 192.0.2.7;10.1.0.0/16;2001:db8::/32;fe80::7%%eth0: %w", item, err)
	}
	return h, nil
}

func readHost(item string) (Host, error) {
	p, zone, err := readPrefix(item)
	if err != nil {
		return Host{}, err
	}
	switch local := p.Addr().Is6() && p.Addr().IsLinkLocalUnicast(); {
	case local && zone == "":
		return Host{}, errors.New("every link has these addresses: add the name of the one that is meant, as in fe80::7%eth0 or fe80::%eth0/64")
	case !local && zone != "":
		return Host{}, fmt.Errorf("only an address below fe80::/10 is one of a link, such as %.20s", zone)
	case zone != "" && strings.Trim(zone, "0123456789") == "":
		return Host{}, fmt.Errorf("link %.20s is a number, which changes: write its name, as ip link shows it", zone)
	}
	return Host{p, zone}, nil
}

// readPrefix reads an address or a network, and the zone behind its address.
func readPrefix(item string) (p netip.Prefix, zone string, err error) {
	addr, bits, network := strings.Cut(item, "/")
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return p, "", err
	}
	zone = a.Zone()
	if a = a.WithZone(""); !network {
		a = a.Unmap()
		if a.IsUnspecified() {
			return p, "", errors.New("that is nobody's address")
		}
		return netip.PrefixFrom(a, a.BitLen()), zone, nil
	}
	if p, err = netip.ParsePrefix(a.String() + "/" + bits); err != nil {
		return p, "", err
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return p, "", fmt.Errorf("/%d is less than the 96 bits ahead of IPv4", p.Bits())
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return p, "", fmt.Errorf("the network is %s", p.Masked())
	}
	return p, zone, nil
}

// An AllowedBroker is which brokers may register with a name server.
type AllowedBroker struct {
	Name string // of the broker; empty: any
	Host Host
}

// ParseAllowedBrokers reads addresses and networks, each behind a brokerName and @ or not, as in
// 10.0.0.0/24;gw-a@10.0.1.5.
func ParseAllowedBrokers(list string) (all []AllowedBroker, err error) {
	for part := range strings.SplitSeq(list, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, where, bound := strings.Cut(part, "@")
		if !bound {
			name, where = "", part
		} else if name == "" {
			return nil, fmt.Errorf("%.80q has no brokerName before the @", part)
		}
		h, err := parseHost(where)
		if err != nil {
			return nil, err
		}
		all = append(all, AllowedBroker{name, h})
	}
	return all, nil
}
