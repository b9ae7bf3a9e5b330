package link

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestALinkComesUp(t *testing.T) {
	const up, down, lo = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP, unix.IFF_UP, unix.IFF_LOOPBACK
	steps := []struct {
		index   int32
		deleted bool
		flags   uint32
		want    news
	}{
		{2, false, down, nothing}, {2, false, up, came}, {2, false, up, nothing}, {3, false, up, came},
		{2, false, down, lost}, {2, false, down, nothing}, {2, false, up, came}, {2, true, up, lost}, {2, false, up, came},
		{1, false, up | lo, nothing}, {3, false, down, lost}, {3, true, down, nothing},
	}
	w := watch{running: map[int32]bool{}}
	for i, s := range steps {
		if got := w.link(s.index, s.deleted, s.flags); got != s.want {
			t.Errorf("step %d: link(%d, %v, %#x) = %v, want %v", i, s.index, s.deleted, s.flags, got, s.want)
		}
	}
}

// TestRoutesThatCount: of what the kernel tells of routes and addresses.
func TestRoutesThatCount(t *testing.T) {
	dhcp := netlink.Route{Type: unix.RTN_UNICAST, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_DHCP}
	of := func(change func(*netlink.Route)) netlink.Route { r := dhcp; change(&r); return r }
	for _, tt := range []struct {
		name  string
		kind  uint16
		route netlink.Route
		want  news
	}{
		{"a way", unix.RTM_NEWROUTE, dhcp, rerouted},
		{"a way that is gone", unix.RTM_DELROUTE, dhcp, lost},
		{"of another table", unix.RTM_NEWROUTE, of(func(r *netlink.Route) { r.Table = 1001 }), rerouted},
		{"that an address brings", unix.RTM_NEWROUTE, of(func(r *netlink.Route) { r.Protocol = unix.RTPROT_KERNEL }), nothing},
		{"to an own address", unix.RTM_NEWROUTE, of(func(r *netlink.Route) { r.Table, r.Type = unix.RT_TABLE_LOCAL, unix.RTN_LOCAL }), nothing},
		{"that is remembered for one peer", unix.RTM_NEWROUTE, of(func(r *netlink.Route) { r.Flags = unix.RTM_F_CLONED }), nothing},
		{"that leads nowhere", unix.RTM_NEWROUTE, of(func(r *netlink.Route) { r.Type = unix.RTN_BLACKHOLE }), nothing},
	} {
		if got := route(&netlink.RouteUpdate{Type: tt.kind, Route: tt.route}); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		u    netlink.AddrUpdate
		want news
	}{{netlink.AddrUpdate{NewAddr: true}, came}, {netlink.AddrUpdate{}, lost}, {netlink.AddrUpdate{NewAddr: true, Scope: unix.RT_SCOPE_LINK}, nothing}, {netlink.AddrUpdate{Scope: unix.RT_SCOPE_HOST}, nothing}} {
		if got := address(&tt.u); got != tt.want {
			t.Errorf("address %+v: %d, want %d", tt.u, got, tt.want)
		}
	}
}

// TestManyRoutesAreFewCalls: a thousand changes in ten seconds, and one of a link among them.
func TestManyRoutesAreFewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed{links: make(chan netlink.LinkUpdate), addrs: make(chan netlink.AddrUpdate), routes: make(chan netlink.RouteUpdate)}
		begin := time.Now()
		var calls []time.Duration
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.follow(ctx, func() { calls = append(calls, time.Since(begin)) }) }()
		for i := range 1000 {
			f.routes <- netlink.RouteUpdate{Type: unix.RTM_NEWROUTE, Route: netlink.Route{Type: unix.RTN_UNICAST, Table: unix.RT_TABLE_MAIN}}
			if i == 300 {
				up := netlink.LinkUpdate{}
				up.Index, up.Flags = 2, unix.IFF_UP|unix.IFF_RUNNING|unix.IFF_LOWER_UP
				f.links <- up
			}
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if want := []time.Duration{200 * time.Millisecond, 3200 * time.Millisecond, 5200 * time.Millisecond}; !slices.Equal(calls, want) {
			t.Errorf("told at %v, want %v", calls, want)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		go func() { ended <- f.follow(t.Context(), func() {}) }()
		close(f.routes)
		if err := <-ended; !errors.Is(err, errLagged) {
			t.Errorf("a feed that ends: %v", err)
		}
	})
}

// TestWatchHearsTheKernel plugs a cable in, in a network namespace of its own.
func TestWatchHearsTheKernel(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make links")
	}
	runtime.LockOSThread() // it ends with the test's goroutine, and the namespace with it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("needs network namespaces: %v", err)
	}
	cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "here"}, PeerName: "there"}
	if err := netlink.LinkAdd(cable); err != nil {
		t.Fatal(err)
	}
	peer, err := netlink.LinkByName("there")
	if err != nil {
		t.Fatal(err)
	}
	there, err := netlink.NewHandle(unix.NETLINK_ROUTE) // its sockets stay in the namespace
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told, failed := make(chan struct{}, 8), make(chan error, 1)
	go func() {
		defer cancel()
		failed <- plug(there, cable, peer, told)
	}()
	dropCapabilities(t)
	if err := Watch(ctx, func() { told <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

// dropCapabilities leaves this thread without any, as the package's unit does with the daemon:
// root is allowed what an ordinary user is not.
func dropCapabilities(t *testing.T) {
	none := [2]unix.CapUserData{} // of 64 capabilities
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		t.Fatal(err)
	}
}

// plug plugs the cable in, out and in again, and waits until it is told each time that
// it is in.
func plug(h *netlink.Handle, here, there netlink.Link, told <-chan struct{}) error {
	if err := h.LinkSetUp(here); err != nil {
		return err
	}
	for range 2 {
		if err := h.LinkSetUp(there); err != nil {
			return err
		}
		<-told
		if err := h.LinkSetDown(there); err != nil {
			return err
		}
	}
	return nil
}

// TestBytesOfALink: what is sent over a cable in a network namespace of its own is counted, and its speed told.
func TestBytesOfALink(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make links")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("needs network namespaces: %v", err)
	}
	cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "here"}, PeerName: "there"}
	if err := netlink.LinkAdd(cable); err != nil {
		t.Fatal(err)
	}
	of := func() State {
		list, err := States("/sys")
		if err != nil || len(list) != 2 {
			t.Fatalf("links: %+v, %v; want the two ends of the cable", list, err)
		}
		for _, s := range list {
			if s.Name == "here" {
				return s
			}
		}
		t.Fatalf("links: %+v", list)
		return State{}
	}
	if s := of(); s.Up || s.Carrier || s.Out.Bytes != 0 {
		t.Errorf("before it is switched on: %+v", s)
	}
	peer, err := netlink.LinkByName("there")
	if err != nil {
		t.Fatal(err)
	}
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 1), Mask: net.CIDRMask(24, 32)}}
	neighbour := &netlink.Neigh{LinkIndex: of().Index, IP: net.IPv4(192, 0, 2, 2), HardwareAddr: peer.Attrs().HardwareAddr, State: netlink.NUD_PERMANENT}
	updates, done := make(chan netlink.LinkUpdate, 64), make(chan struct{})
	defer close(done)
	if err := netlink.LinkSubscribe(updates, done); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(netlink.AddrAdd(cable, addr), netlink.LinkSetUp(cable), netlink.LinkSetUp(peer), netlink.NeighSet(neighbour)); err != nil {
		t.Fatal(err)
	}
	for u := range updates { // it comes up a moment later
		if u.Attrs().Name == "here" && u.Attrs().OperState == netlink.OperUp {
			break
		}
	}
	c, err := net.Dial("udp", "192.0.2.2:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := of()
	for range 10 {
		if _, err := c.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if after := of(); !after.Up || !after.Carrier || after.Out.Bytes < before.Out.Bytes+10_000 {
		t.Errorf("after 10,000 bytes: %+v, before: %+v", after, before)
	}
}
