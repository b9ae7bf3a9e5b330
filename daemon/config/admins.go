package config

func adminsKey() key {
	return hostsKey("adminAddresses", "addresses and networks that may look at and change everything, as in 192.0.2.7;10.1.0.0/16;2001:db8::/32;fe80::7%eth0; empty: this host alone; 0.0.0.0/0;::/0: everybody, as with RocketMQ",
		func(c *Config) *Hosts { return &c.Admins })
}

// hostsKey is a list of addresses that SIGHUP applies.
func hostsKey(name, doc string, p func(*Config) *Hosts) key {
	return key{name: name, doc: doc, ours: true, live: true,
		set: func(c *Config, v string) (err error) {
			all, err := ParseHosts(v)
			if err == nil {
				*p(c) = all
			}
			return err
		},
		value: func(c *Config) string { return p(c).String() },
	}
}
