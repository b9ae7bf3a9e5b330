package link

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Via names the link by which packets from local to remote leave, by the kernel's
// routing tables, for a connection between the two. Nothing is sent.
func Via(local, remote netip.Addr) (string, error) {
	if !local.IsValid() || !remote.IsValid() {
		return "", fmt.Errorf("link: no way from %v to %v", local, remote)
	}
	o := &netlink.RouteGetOptions{SrcAddr: net.IP(local.WithZone("").AsSlice())}
	routes, err := netlink.RouteGetWithOptions(net.IP(remote.WithZone("").AsSlice()), o)
	if err != nil || len(routes) == 0 {
		return "", fmt.Errorf("link: no way from %v to %v: %w", local, remote, err)
	}
	l, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", fmt.Errorf("link: number %d, by which %v is reached: %w", routes[0].LinkIndex, remote, err)
	}
	return l.Attrs().Name, nil
}
