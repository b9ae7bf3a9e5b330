package link_test

import (
	"net/netip"
	"testing"

	"pairmq/hal/link"
)

func TestNamesOfLinks(t *testing.T) {
	names, err := link.ParseNames(" wwan0; ppp* ;;usb[0-3]")
	if err != nil || len(names) != 3 {
		t.Fatalf("%q, %v", names, err)
	}
	for name, want := range map[string]bool{"wwan0": true, "wwan1": false, "ppp0": true, "ppp": true, "xppp0": false, "usb2": true, "usb4": false, "": false} {
		if link.Among(names, name) != want {
			t.Errorf("%q is among %q: %v", name, names, !want)
		}
	}
	if link.Among(nil, "eth0") {
		t.Error("eth0 is among none")
	}
	for _, text := range []string{"ppp[", "a/b", "two words"} {
		if _, err := link.ParseNames(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestTheWayToThisMachineIsLoopback, and there is none to or from nowhere.
func TestTheWayToThisMachineIsLoopback(t *testing.T) {
	here := netip.MustParseAddr("127.0.0.1")
	if name, err := link.Via(here, here); err != nil || name != "lo" {
		t.Errorf("to this machine by %q, %v; want lo", name, err)
	}
	if name, err := link.Via(netip.MustParseAddr("192.0.2.77"), here); err == nil {
		t.Errorf("from an address that is not this machine's by %q", name)
	}
	if name, err := link.Via(netip.Addr{}, here); err == nil {
		t.Errorf("from nowhere by %q", name)
	}
}
