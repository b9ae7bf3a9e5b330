package config

import (
	"strings"
)

func adminsKey() key {
	return key{name: "adminAddresses", ours: true,
		doc: "addresses and networks that may look at and change everything, as in 192.0.2.7;10.1.0.0/16;2001:db8::/32; empty: this host alone; 0.0.0.0/0;::/0: everybody, as with RocketMQ",
		set: func(c *Config, v string) error {
			all, err := ParsePrefixes(v)
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
