package broker

import (
	"fmt"
	"net/netip"
	"testing"
)

// TestPortionsOfASite: a site leaves a quarter to others however many networks it has, and
// each of its networks some to the others.
func TestPortionsOfASite(t *testing.T) {
	p := newPortion(80)
	took := func(addr string, most int) (n int) {
		for from := netip.MustParseAddr(addr); n < most && p.has(from, 1); n++ {
			p.add(from, 1)
		}
		return n
	}
	if n := took("2001:db8:5::", 80); n != 40 {
		t.Errorf("one network has %d of 80, want 40", n)
	}
	for i := 1; i < 100; i++ {
		took(fmt.Sprintf("2001:db8:5:%x::", i), 1)
	}
	if n := p.of[site(netip.MustParseAddr("2001:db8:5:7::"))]; n != 60 {
		t.Errorf("a site has %d of 80, want 60", n)
	}
	if n, m := took("2001:db8:6::", 80), took("192.0.2.1", 80); n != 40 || m != 40 {
		t.Errorf("others have %d and %d, want 40 each", n, m)
	}
	p.add(netip.MustParseAddr("2001:db8:5::"), -40)
	if n := took("2001:db8:5:ffff::", 80); n != 40 {
		t.Errorf("when one network has nothing another has %d, want 40", n)
	}
}
