package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
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
	cfg.BrokerIP1, cfg.BrokerIP2 = "10.1.2.3", "0.0.0.0"
	if a, err := findAddresses(&cfg); err == nil {
		t.Errorf("with brokerIP2=0.0.0.0: %v", a)
	}
}

// TestALinkStandsForItsAddress: also another one, later.
func TestALinkStandsForItsAddress(t *testing.T) {
	list := []link.Interface{{Name: "eth0", Up: true, Addrs: []netip.Addr{netip.MustParseAddr("fe80::1"), netip.MustParseAddr("192.0.2.7")}}}
	for _, tt := range []struct{ value, want string }{{"eth0", "192.0.2.7"}, {"192.0.2.9", "192.0.2.9"}, {"::ffff:192.0.2.9", "192.0.2.9"}} {
		if a, err := configured("brokerIP1", tt.value, list); err != nil || a.String() != tt.want {
			t.Errorf("%s stands for %v, %v; want %s", tt.value, a, err, tt.want)
		}
	}
}

// TestAStickIsPulledAndComesBack: what a broker that is known by a link does when that goes, and
// comes back with another address.
func TestAStickIsPulledAndComesBack(t *testing.T) {
	at := func(name string, up bool, addrs ...string) link.Interface {
		l := link.Interface{Name: name, Up: up}
		for _, a := range addrs {
			l.Addrs = append(l.Addrs, netip.MustParseAddr(a))
		}
		return l
	}
	lan := at("eth0", true, "192.168.1.7")
	for _, tt := range []struct {
		name, ip1, ip2 string
		list           []link.Interface
		moved          bool
		host, ha       string
		says           string // why nobody finds it
	}{
		{"as it was", "wwan0", "", []link.Interface{lan, at("wwan0", true, "10.64.0.5")}, false, "10.64.0.5:10911", "10.64.0.5:10912", ""},
		{"pulled", "wwan0", "", []link.Interface{lan}, false, "127.0.0.1:10911", "127.0.0.1:10912", "brokerIP1=wwan0: link: no usable address: there is no link wwan0, only eth0; plug it in"},
		{"switched off", "wwan0", "", []link.Interface{lan, at("wwan0", false, "10.64.0.5")}, false, "127.0.0.1:10911", "127.0.0.1:10912", "wwan0 is switched off"},
		{"back without an address", "wwan0", "", []link.Interface{lan, at("wwan0", true, "fe80::1")}, false, "127.0.0.1:10911", "127.0.0.1:10912", "wwan0 has none yet"},
		{"back with another", "wwan0", "", []link.Interface{lan, at("wwan0", true, "10.64.0.9")}, true, "10.64.0.9:10911", "10.64.0.9:10912", ""},
		{"the slaves' link is pulled", "wwan0", "eth1", []link.Interface{at("wwan0", true, "10.64.0.5")}, false, "10.64.0.5:10911", "10.64.0.5:10912", ""},
		{"it is pulled while the other has another address", "wwan0", "eth1", []link.Interface{at("wwan0", true, "10.64.0.9")}, true, "10.64.0.9:10911", "10.64.0.9:10912", ""},
		{"the slaves' link is back", "wwan0", "eth0", []link.Interface{lan, at("wwan0", true, "10.64.0.5")}, true, "10.64.0.5:10911", "192.168.1.7:10912", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config.Default()
			cfg.BrokerIP1, cfg.BrokerIP2, cfg.HAListenPort = tt.ip1, tt.ip2, 10912
			was := addresses{host: netip.MustParseAddrPort("10.64.0.5:10911"), ha: netip.MustParseAddrPort("10.64.0.5:10912")}
			f, err := findAmong(&cfg, tt.list)
			if err != nil {
				t.Fatal(err)
			}
			if f.moved(was) != tt.moved || f.host.String() != tt.host || f.ha.String() != tt.ha {
				t.Errorf("found at %v and %v, moved: %v; want %s and %s, %v", f.host, f.ha, f.moved(was), tt.host, tt.ha, tt.moved)
			}
			if (f.hostless != nil) != (tt.says != "") || f.hostless != nil && !strings.Contains(f.hostless.Error(), tt.says) {
				t.Errorf("not found because of %v; want %q", f.hostless, tt.says)
			}
		})
	}
}

// TestNameServersOfOtherMachinesAreNotToldOfLoopback: while there is no other address, only those
// on this machine are.
func TestNameServersOfOtherMachinesAreNotToldOfLoopback(t *testing.T) {
	tn := &tenure{log: slog.New(slog.DiscardHandler)}
	if err := tn.holdBack("192.0.2.1:9876"); err != nil {
		t.Errorf("held back though it can be found: %v", err)
	}
	tn.setHostless(link.ErrNoAddress)
	if err := tn.holdBack("192.0.2.1:9876"); !errors.Is(err, link.ErrNoAddress) {
		t.Errorf("not held back: %v", err)
	}
	if err := tn.holdBack("127.0.0.1:9876"); err != nil {
		t.Errorf("held back from this machine: %v", err)
	}
	cfg := config.Default()
	cfg.BrokerIP1 = "nolink0"
	tn.cfg, tn.addresses = cfg, addresses{host: netip.MustParseAddrPort("192.0.2.7:10911")}
	tn.setHostless(nil)
	if _, moved := tn.findAgain(); moved || tn.whyHostless() == nil {
		t.Errorf("its link has gone: moved %v, not found because of %v", moved, tn.whyHostless())
	}
	tn.cfg.BrokerIP1 = "192.0.2.7"
	if _, moved := tn.findAgain(); !moved || tn.whyHostless() != nil { // the HA address is another
		t.Errorf("it is back: moved %v, not found because of %v", moved, tn.whyHostless())
	}
}

// TestAnAddressThatNoLinkHasYet can be listened at, and that nobody answers there is no hang.
func TestAnAddressThatNoLinkHasYet(t *testing.T) {
	for _, addr := range []string{"192.0.2.1:0", "[2001:db8::1]:0"} {
		ln, err := listenAhead(addr)
		if err != nil {
			t.Errorf("listen at %s: %v", addr, err)
			continue
		}
		if err := answers(t.Context(), ln.Addr(), 28, nil); err != nil {
			t.Errorf("at %s: %v", addr, err)
		}
		ln.Close()
	}
	var log bytes.Buffer
	warnAhead("192.0.2.1", slog.New(slog.NewTextHandler(&log, nil)))
	warnAhead("127.0.0.1", slog.New(slog.NewTextHandler(&log, nil)))
	warnAhead("", slog.New(slog.NewTextHandler(&log, nil)))
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "bindAddress=192.0.2.1") {
		t.Errorf("the log says %q", &log)
	}
}
