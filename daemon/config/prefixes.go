package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ParsePrefixes reads addresses and networks separated by semicolons, as in
// 192.168.1.11;2001:db8::/64. An address is the network of itself alone. IPv4 within IPv6 becomes
// IPv4, as which connections are known.
func ParsePrefixes(list string) (all []netip.Prefix, err error) {
	for item := range strings.SplitSeq(list, ";") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		p, err := parsePrefix(item)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func parsePrefix(item string) (netip.Prefix, error) {
	p, err := readPrefix(item)
	if err != nil {
		return p, fmt.Errorf("has %.80q; want an address or a network, as in 192.0.2.7;10.1.0.0/16;2001:db8::/32: %w", item, err)
	}
	return p, nil
}

func readPrefix(item string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(item); err == nil {
		a = a.Unmap()
		if a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("the link %s cannot be told", a.Zone())
		}
		if a.IsUnspecified() {
			return netip.Prefix{}, errors.New("that is nobody's address")
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(item)
	if err != nil {
		return netip.Prefix{}, err
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("/%d is less than the 96 bits ahead of IPv4", p.Bits())
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("the network is %s", p.Masked())
	}
	return p, nil
}

// An AllowedBroker is which brokers may register with a name server.
type AllowedBroker struct {
	Name   string // of the broker; empty: any
	Prefix netip.Prefix
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
		p, err := parsePrefix(where)
		if err != nil {
			return nil, err
		}
		all = append(all, AllowedBroker{name, p})
	}
	return all, nil
}
