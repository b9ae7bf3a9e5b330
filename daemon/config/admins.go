package config

import (
	"fmt"
	"net/netip"
	"strings"
)

func adminsKey() key {
	return key{name: "adminAddresses", ours: true,
		doc: "addresses and networks that may look at and change everything, as in 192.0.2.7;10.1.0.0/16;2001:db8::/32; empty: this host alone; 0.0.0.0/0;::/0: everybody, as with RocketMQ",
		set: func(c *Config, v string) error {
			all, err := parsePrefixes(v)
			if err == nil {
				c.Admins = all
			}
			return err
		},
		value: func(c *Config) string {
			var all []string
			for _, p := range c.Admins {
				if p.IsSingleIP() {
					all = append(all, p.Addr().String())
				} else {
					all = append(all, p.String())
				}
			}
			return strings.Join(all, ";")
		},
	}
}

// parsePrefixes reads addresses and networks separated by semicolons. IPv4 within IPv6
// becomes IPv4, as which connections are known.
func parsePrefixes(v string) (all []netip.Prefix, err error) {
	for item := range strings.SplitSeq(v, ";") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		p, err := parsePrefix(item)
		if err != nil {
			return nil, fmt.Errorf("has %q; want an address or a network, as in 192.0.2.7;10.1.0.0/16;2001:db8::/32: %w", item, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func parsePrefix(item string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(item); err == nil {
		a = a.Unmap()
		if a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("the link %s cannot be told", a.Zone())
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
