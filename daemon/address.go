package main

import (
	"fmt"
	"net/netip"
	"strings"

	"pairmq/daemon/config"
	"pairmq/hal/link"
)

// addresses are where others find this broker.
type addresses struct {
	host netip.AddrPort // clients
	ha   netip.AddrPort // slaves
}

// findAddresses works out what clients and slaves are told. Where that is neither an
// address that is configured nor of a link that is, it is the one that
// reaches the first name server, or the first that others could reach. Loopback is
// told only while nothing else is possible.
func findAddresses(cfg *config.Config) (addresses, error) {
	list, err := link.Interfaces()
	if err != nil {
		return addresses{}, err
	}
	host, err := hostAddress(cfg, list)
	if err != nil {
		return addresses{}, err
	}
	ha := host
	if cfg.BrokerIP2 != "" {
		if ha, err = configured("brokerIP2", cfg.BrokerIP2, list); err != nil {
			return addresses{}, err
		}
	}
	return addresses{netip.AddrPortFrom(host, uint16(cfg.ListenPort)), netip.AddrPortFrom(ha, uint16(cfg.HAListenPort))}, nil
}

func hostAddress(cfg *config.Config, list []link.Interface) (netip.Addr, error) {
	if cfg.BrokerIP1 != "" {
		return configured("brokerIP1", cfg.BrokerIP1, list)
	}
	if a, err := netip.ParseAddr(cfg.BindAddress); err == nil && !a.IsUnspecified() {
		return a.Unmap(), nil
	}
	first, _, _ := strings.Cut(cfg.NamesrvAddr, ";")
	if a, err := link.Toward(first); err == nil && !a.IsLoopback() {
		return a, nil
	}
	if a, err := link.Choose(list); err == nil {
		return a, nil
	}
	return loopback(), nil
}

// configured is the address that a key's value says: itself, or that of the link
// with that name. While the link has none it is loopback, which is of no use to
// others and makes no difference: nobody is reached either.
func configured(key, value string, list []link.Interface) (netip.Addr, error) {
	if a, err := netip.ParseAddr(value); err == nil {
		if a.IsUnspecified() {
			return netip.Addr{}, fmt.Errorf("%s is %s, which is no address that others could use", key, value)
		}
		return a.Unmap(), nil
	}
	a, err := link.Of(list, value)
	if err != nil {
		return loopback(), nil
	}
	return a, nil
}

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// moved says whether this broker is now found elsewhere than at a: not when a link that
// it is not known by has come up as well.
func moved(cfg *config.Config, a addresses) (now addresses, yes bool) {
	now, err := findAddresses(cfg)
	if err != nil || now == a || now.host.Addr().IsLoopback() {
		return a, false
	}
	return now, true
}
