package main

import (
	"fmt"
	"testing"

	"pairmq/daemon/metrics"
	"pairmq/hal/link"
)

// TestLinksAreShown: how they stand and what went over them, and not more than there is
// room for.
func TestLinksAreShown(t *testing.T) {
	list := []link.State{
		{Name: "wwan0", Index: 3, Up: true, Carrier: true, In: link.Counts{Bytes: 1 << 40, Errors: 1, Drops: 2}, Out: link.Counts{Bytes: 7, Errors: 3, Drops: 4}},
		{Name: "eth0", Index: 2, Up: true},
		{Name: "usb0", Index: 4, Carrier: true},
	}
	for i := range 40 {
		list = append(list, link.State{Name: fmt.Sprintf("vlan%d", i), Index: 100 - i})
	}
	p := metrics.NewPage()
	measureLinks(p, list, meteredLinks{"wwan*"})
	measureTraffic(p, metrics.ReplicationSent, map[string]int64{"eth0": 5, "wwan0": 6})
	for _, err := range p.Wrong() {
		t.Error(err)
	}
	s := parsePage(t, p.Text())
	s.expect(t, "links", map[string]float64{
		`pairmq_machine_link_up{link="wwan0"}`: 1, `pairmq_machine_link_up{link="eth0"}`: 0, `pairmq_machine_link_up{link="usb0"}`: 0,
		`pairmq_machine_link_metered{link="wwan0"}`: 1, `pairmq_machine_link_metered{link="eth0"}`: 0,
		`pairmq_machine_link_received_bytes_total{link="wwan0"}`: 1 << 40, `pairmq_machine_link_sent_bytes_total{link="wwan0"}`: 7,
		`pairmq_machine_link_errors_total{link="wwan0",direction="in"}`: 1, `pairmq_machine_link_errors_total{link="wwan0",direction="out"}`: 3,
		`pairmq_machine_link_dropped_total{link="wwan0",direction="in"}`: 2, `pairmq_machine_link_dropped_total{link="wwan0",direction="out"}`: 4,
		`pairmq_machine_link_up{link="vlan39"}`: 0, `pairmq_replication_sent_bytes_total{link="eth0"}`: 5, `pairmq_replication_sent_bytes_total{link="wwan0"}`: 6,
	})
	if n := len(s.values); n != mostLinks*8+2 {
		t.Errorf("%d values, want 8 of each of %d links", n, mostLinks)
	}
	if _, there := s.values[`pairmq_machine_link_up{link="vlan0"}`]; there {
		t.Error("the youngest link is shown, and some older one is not")
	}
	p = metrics.NewPage()
	if measureLinks(p, nil, nil); len(p.Text()) > 0 {
		t.Errorf("no link is shown as %s", p.Text())
	}
}
