package main

import (
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
)

// address is the machine's in qemu's user networking, which forwards the
// host's ports to it.
const address = "10.0.2.15/24"

// bringUp gives the machine its address.
func bringUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	eth, err := netlink.LinkByName("eth0")
	for range 100 { // the driver looks for its device in the background
		if err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
		eth, err = netlink.LinkByName("eth0")
	}
	if err != nil {
		return fmt.Errorf("eth0: %w", err)
	}
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(eth, addr); err != nil {
		return fmt.Errorf("eth0 %s: %w", address, err)
	}
	return netlink.LinkSetUp(eth)
}
