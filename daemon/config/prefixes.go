package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// ParsePrefixes reads IP addresses and networks, as in 192.168.1.11;2001:db8::/64. An address is
// the network of itself alone.
func ParsePrefixes(list string) (all []netip.Prefix, err error) {
	for part := range strings.SplitSeq(list, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		p, err := parsePrefix(part)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil && !p.Addr().Is4In6() {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(text)
	if a = a.Unmap(); err != nil || a.Zone() != "" || a.IsUnspecified() {
		return netip.Prefix{}, fmt.Errorf("%.80q is no address of a host, nor a network such as 10.0.0.0/24", text)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
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
