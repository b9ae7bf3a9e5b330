package main

import (
	"net/netip"
	"testing"

	"pairmq/daemon/config"
	"pairmq/hal/link"
)

// TestConfiguredAddresses: what is configured wins, and a link stands for the
// address that it has.
func TestConfiguredAddresses(t *testing.T) {
	for _, tt := range []struct{ name, ip1, ip2, bind, want, ha string }{
		{"brokerIP1 wins", "10.1.2.3", "", "127.0.0.1", "10.1.2.3:10911", "10.1.2.3:10912"},
		{"the bound address", "", "", "127.0.0.1", "127.0.0.1:10911", "127.0.0.1:10912"},
		{"IPv6", "2001:db8::1", "", "", "[2001:db8::1]:10911", "[2001:db8::1]:10912"},
		{"all addresses bound says nothing", "10.1.2.3", "", "0.0.0.0", "10.1.2.3:10911", "10.1.2.3:10912"},
		{"slaves elsewhere", "10.1.2.3", "10.9.9.9", "", "10.1.2.3:10911", "10.9.9.9:10912"},
		{"a link that is not there yet", "nolink0", "", "", "127.0.0.1:10911", "127.0.0.1:10912"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config.Default()
			cfg.BrokerIP1, cfg.BrokerIP2, cfg.BindAddress, cfg.HAListenPort = tt.ip1, tt.ip2, tt.bind, 10912
			a, err := findAddresses(&cfg)
			if err != nil || a.host.String() != tt.want || a.ha.String() != tt.ha {
				t.Errorf("found %v and %v, %v; want %s and %s", a.host, a.ha, err, tt.want, tt.ha)
			}
		})
	}
	cfg := config.Default()
	cfg.BrokerIP2 = "0.0.0.0"
	if a, err := findAddresses(&cfg); err == nil {
		t.Errorf("with brokerIP2=0.0.0.0: %v", a)
	}
}

// TestALinkStandsForItsAddress: also another one, later.
func TestALinkStandsForItsAddress(t *testing.T) {
	list := []link.Interface{{Name: "eth0", Up: true, Addrs: []netip.Addr{netip.MustParseAddr("fe80::1"), netip.MustParseAddr("192.0.2.7")}}}
	for _, tt := range []struct{ value, want string }{{"eth0", "192.0.2.7"}, {"wlan0", "127.0.0.1"}, {"192.0.2.9", "192.0.2.9"}, {"::ffff:192.0.2.9", "192.0.2.9"}} {
		if a, err := configured("brokerIP1", tt.value, list); err != nil || a.String() != tt.want {
			t.Errorf("%s stands for %v, %v; want %s", tt.value, a, err, tt.want)
		}
	}
	cfg := config.Default()
	cfg.BrokerIP1 = "192.0.2.7"
	was, err := findAddresses(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, yes := moved(&cfg, was); yes {
		t.Error("a configured address has moved")
	}
	cfg.BrokerIP1 = "192.0.2.8"
	if now, yes := moved(&cfg, was); !yes || now.host.Addr().String() != "192.0.2.8" {
		t.Errorf("moved to %v: %v", now, yes)
	}
	cfg.BrokerIP1 = "nolink0"
	if now, yes := moved(&cfg, was); yes || now != was {
		t.Errorf("moved to %v while no link has an address", now)
	}
}
