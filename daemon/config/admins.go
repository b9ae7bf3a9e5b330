package config

func adminsKey() key {
	return key{name: "adminAddresses", ours: true, live: true,
		doc: "addresses and networks that may look at and change everything, as in 192.0.2.7;10.1.0.0/16;2001:db8::/32;fe80::7%eth0; empty: this host alone; 0.0.0.0/0;::/0: everybody, as with RocketMQ",
		set: func(c *Config, v string) error {
			all, err := ParseHosts(v)
			if err == nil {
				c.Admins = all
			}
			return err
		},
		value: func(c *Config) string { return c.Admins.String() },
	}
}
