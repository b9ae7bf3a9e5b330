package link_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"pairmq/hal/link"
)

func TestChoose(t *testing.T) {
	addrs := func(list ...string) (all []netip.Addr) {
		for _, a := range list {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}
	lo := link.Interface{Name: "lo", Up: true, Loopback: true, Addrs: addrs("127.0.0.1", "::1")}
	docker := link.Interface{Name: "docker0", Up: true, Addrs: addrs("172.17.0.1")}
	tests := []struct {
		name, want string
		list       []link.Interface
	}{
		{"the LAN, not the container bridge", "192.168.1.7", []link.Interface{lo, docker, {Name: "eth0", Up: true, Addrs: addrs("fe80::1", "2001:db8::7", "192.168.1.7")}}},
		{"IPv6 where there is no IPv4", "2001:db8::7", []link.Interface{lo, {Name: "eth0", Up: true, Addrs: addrs("fe80::1", "2001:db8::7")}}},
		{"a link that is down does not count", "", []link.Interface{lo, {Name: "eth0", Addrs: addrs("192.168.1.7")}}},
		{"link-local does not count", "", []link.Interface{{Name: "eth0", Up: true, Addrs: addrs("169.254.3.4", "fe80::1")}}},
		{"nothing but loopback", "", []link.Interface{lo, docker}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := link.Choose(tt.list)
			if tt.want == "" {
				if !errors.Is(err, link.ErrNoAddress) {
					t.Errorf("Choose = %v, %v; want ErrNoAddress", got, err)
				}
				return
			}
			if err != nil || got.String() != tt.want {
				t.Errorf("Choose = %v, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestTowardLoopbackIsLoopback(t *testing.T) {
	for _, host := range []string{"127.0.0.1:9876", "127.0.0.1"} {
		a, err := link.Toward(host)
		if err != nil || !a.IsLoopback() {
			t.Errorf("Toward(%s) = %v, %v; want a loopback address", host, a, err)
		}
	}
}

func TestInterfacesListsLoopback(t *testing.T) {
	list, err := link.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		if l.Loopback && len(l.Addrs) > 0 {
			return
		}
	}
	t.Errorf("no loopback link with an address among %+v", list)
}

func TestOfALink(t *testing.T) {
	addr := netip.MustParseAddr
	list := []link.Interface{
		{Name: "eth0", Up: true, Addrs: []netip.Addr{addr("fe80::1"), addr("2001:db8::7"), addr("192.168.1.7")}},
		{Name: "eth1", Addrs: []netip.Addr{addr("192.168.2.7")}},
		{Name: "wwan0", Up: true, Addrs: []netip.Addr{addr("fe80::2"), addr("2001:db8::8")}},
		{Name: "tun0", Up: true, Addrs: []netip.Addr{addr("fe80::3")}},
	}
	for _, tt := range []struct{ name, want, says string }{
		{"eth0", "192.168.1.7", ""},
		{"wwan0", "2001:db8::8", ""},
		{"eth1", "", "the link eth1 is switched off"},
		{"tun0", "", "the link tun0 has none yet"},
		{"eth9", "", "there is no link eth9, only eth0, eth1, wwan0, tun0"},
	} {
		a, err := link.Of(list, tt.name)
		if tt.want != "" && (err != nil || a.String() != tt.want) {
			t.Errorf("Of(%s) = %v, %v; want %s", tt.name, a, err, tt.want)
		}
		if tt.want == "" && (!errors.Is(err, link.ErrNoAddress) || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("Of(%s) = %v, %v; want ErrNoAddress: %s", tt.name, a, err, tt.says)
		}
	}
	if _, err := link.Of([]link.Interface{{Name: "lo", Loopback: true}}, "eth0"); err == nil || !strings.Contains(err.Error(), "nor any other") {
		t.Errorf("without any link: %v", err)
	}
	for a, want := range map[string]bool{"192.168.1.7": true, "::ffff:192.168.2.7": true, "fe80::2%eth9": true, "192.168.1.8": false} {
		if got := link.Has(list, addr(a)); got != want {
			t.Errorf("Has(%s) = %v", a, got)
		}
	}
}
