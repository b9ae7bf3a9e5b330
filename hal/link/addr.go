// Package link knows this host's network links: which of its addresses others
// can reach it by, how the links stand, and what went over each.
//
// Watch hears of links, addresses and routes that come and go. The package opens no connection of its own
// and sends nothing but questions to the kernel.
package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// ErrNoAddress: no link of this host has an address that others could use.
var ErrNoAddress = errors.New("link: no usable address")

// Toward returns the local address from which packets to host would leave, by
// the kernel's routing table; host is a name or an address, with or without a
// port. Nothing is sent. It fails if there is no route.
func Toward(host string) (netip.Addr, error) {
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(host, "9")
	}
	c, err := net.Dial("udp", host) // connecting a UDP socket only looks up the route
	if err != nil {
		return netip.Addr{}, fmt.Errorf("link: no route to %s: %w", host, err)
	}
	defer c.Close()
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, fmt.Errorf("link: %s is not an IP address", c.LocalAddr())
	}
	return a.AddrPort().Addr().Unmap(), nil
}

// An Interface is what Choose looks at of a link.
type Interface struct {
	Name     string
	Up       bool
	Loopback bool
	Addrs    []netip.Addr
}

// Interfaces lists this host's links.
func Interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("link: list interfaces: %w", err)
	}
	var list []Interface
	for _, i := range all {
		l := Interface{Name: i.Name, Up: i.Flags&net.FlagUp != 0, Loopback: i.Flags&net.FlagLoopback != 0}
		addrs, err := i.Addrs()
		if err != nil {
			continue // the link went away between the two calls
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				l.Addrs = append(l.Addrs, p.Addr().Unmap())
			}
		}
		list = append(list, l)
	}
	return list, nil
}

// Choose picks the address that others most likely reach this host by: of a
// link that is up, neither loopback nor a bridge of containers, IPv4 before
// IPv6. It fails with ErrNoAddress if there is none.
func Choose(list []Interface) (netip.Addr, error) {
	var v6 netip.Addr
	for _, l := range list {
		if !l.Up || l.Loopback || virtual(l.Name) {
			continue
		}
		for _, a := range l.Addrs {
			switch {
			case !a.IsGlobalUnicast():
			case a.Is4():
				return a, nil
			case !v6.IsValid():
				v6 = a
			}
		}
	}
	if !v6.IsValid() {
		return v6, fmt.Errorf("%w on %d links", ErrNoAddress, len(list))
	}
	return v6, nil
}

// Of returns the address that others reach the named link by: IPv4 before IPv6.
// It fails with ErrNoAddress if there is no such link, if it is down, or has none, and says
// which of these.
func Of(list []Interface, name string) (netip.Addr, error) {
	var names []string
	for _, l := range list {
		if l.Name != name {
			if !l.Loopback {
				names = append(names, l.Name)
			}
			continue
		}
		if !l.Up {
			return netip.Addr{}, fmt.Errorf("%w: the link %s is switched off", ErrNoAddress, name)
		}
		var v6 netip.Addr
		for _, a := range l.Addrs {
			switch {
			case a.IsLinkLocalUnicast() || a.IsMulticast():
			case a.Is4():
				return a, nil
			case !v6.IsValid():
				v6 = a
			}
		}
		if v6.IsValid() {
			return v6, nil
		}
		return netip.Addr{}, fmt.Errorf("%w: the link %s has none yet", ErrNoAddress, name)
	}
	if len(names) == 0 {
		return netip.Addr{}, fmt.Errorf("%w: there is no link %s, nor any other", ErrNoAddress, name)
	}
	return netip.Addr{}, fmt.Errorf("%w: there is no link %s, only %s", ErrNoAddress, name, strings.Join(names, ", "))
}

// Has says whether a is an address of one of these links.
func Has(list []Interface, a netip.Addr) bool {
	for _, l := range list {
		if slices.Contains(l.Addrs, a.WithZone("").Unmap()) {
			return true
		}
	}
	return false
}

// virtual says whether a link leads to containers or machines on this host.
func virtual(name string) bool {
	for _, p := range []string{"docker", "br-", "veth", "virbr", "cni", "flannel", "podman", "lxc", "lxd"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
