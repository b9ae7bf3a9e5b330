package config

import (
	"net/netip"
	"strings"
	"testing"
)

// TestAddressesOfLinks: another host has them on another link.
func TestAddressesOfLinks(t *testing.T) {
	h, err := ParseHosts("fe80::1%eth0;fe80::7:0%wlan0/112;::ffff:192.0.2.7;2001:db8::/32")
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"fe80::1%eth0": true, "fe80::1%eth1": false, "fe80::1": false, "fe80::2%eth0": false, "fe80::7:9%wlan0": true, "fe80::7:9%eth0": false,
		"192.0.2.7": true, "::ffff:192.0.2.7": true, "192.0.2.8": false, "2001:db8::9": true, "2001:db9::9": false,
	} {
		if got := h.Has(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is one of them: %t, want %t", addr, got, want)
		}
	}
	if h.Has(netip.Addr{}) {
		t.Error("no address is one of them")
	}
	for _, key := range []string{"haMasterAddress", "haSlaveAddress"} {
		if _, _, err := Load("", []string{"namesrvAddr=127.0.0.1:9876", key + "=[fe80::1]:10912"}); err == nil || !strings.Contains(err.Error(), "[fe80::7%eth0]:10912") {
			t.Errorf("%s without a link: %v", key, err)
		}
		if _, _, err := Load("", []string{"namesrvAddr=127.0.0.1:9876", key + "=[fe80::1%eth0]:10912"}); err != nil {
			t.Error(err)
		}
	}
}

func TestAdminAddresses(t *testing.T) {
	for _, tt := range []struct{ value, want, complaint string }{
		{"", "", ""},
		{" 192.0.2.7 ; 10.1.0.0/16;2001:db8::/32;::1;", "192.0.2.7;10.1.0.0/16;2001:db8::/32;::1", ""},
		{"0.0.0.0/0;::/0", "0.0.0.0/0;::/0", ""},
		{"::ffff:192.0.2.7;::ffff:10.0.0.0/104", "192.0.2.7;10.0.0.0/8", ""},
		{"::ffff:0.0.0.0/95", "", "96 bits"},
		{"10.1.2.3/16", "", "the network is 10.1.0.0/16"},
		{"gateway", "", `has "gateway"`},
		{"10.1.0.0/33", "", `has "10.1.0.0/33"`},
		{"192.0.2.7,192.0.2.8", "", `has "192.0.2.7,192.0.2.8"`},
		{"fe80::1%eth0; fe80::%wlan0/64", "fe80::1%eth0;fe80::%wlan0/64", ""},
		{"169.254.7.1", "169.254.7.1", ""},
		{"fe80::1", "", "add the name of the one that is meant"},
		{"fe80::/64", "", "fe80::%eth0/64"},
		{"2001:db8::1%eth0", "", "only an address below fe80::/10 is one of a link"},
		{"fe80::1%2", "", "write its name"},
		{"fe80::1%", "", `has "fe80::1%"`},
		{"fe80::1%eth0/64", "", "the network is fe80::/64"},
	} {
		c, _, err := Load("", []string{"namesrvAddr=127.0.0.1:9876", "adminAddresses=" + tt.value})
		if tt.complaint != "" {
			if err == nil || !strings.Contains(err.Error(), tt.complaint) {
				t.Errorf("%q: %v, want %q", tt.value, err, tt.complaint)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.value, err)
			continue
		}
		if got := adminsKey().value(&c); got != tt.want {
			t.Errorf("%q is %q, want %q", tt.value, got, tt.want)
		}
	}
}
