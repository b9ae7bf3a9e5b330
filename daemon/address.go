package main

import (
	"errors"
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

// A finding is where others find this broker, as far as that is known.
type finding struct {
	addresses
	hostless error // why nobody beyond this machine can find it now; host is loopback then
	haless   error // why brokerIP2's link has no address; ha is host's then
}

// findAddresses works out what clients and slaves are told. Where that is neither an
// address that is configured nor of a link that is, it is the one that
// reaches the first name server, or the first that others could reach. It fails only where
// the configuration can never work: a link that is not there may come.
func findAddresses(cfg *config.Config) (f finding, err error) {
	list, err := link.Interfaces()
	if err != nil {
		return f, err
	}
	return findAmong(cfg, list)
}

func findAmong(cfg *config.Config, list []link.Interface) (f finding, err error) {
	host, err := hostAddress(cfg, list)
	switch {
	case errors.Is(err, link.ErrNoAddress):
		host, f.hostless = loopback(), err
	case err != nil:
		return f, err
	}
	ha := host
	if cfg.BrokerIP2 != "" {
		a, err := configured("brokerIP2", cfg.BrokerIP2, list)
		switch {
		case errors.Is(err, link.ErrNoAddress):
			f.haless = err
		case err != nil:
			return f, err
		default:
			ha = a
		}
	}
	f.addresses = addresses{netip.AddrPortFrom(host, uint16(cfg.ListenPort)), netip.AddrPortFrom(ha, uint16(cfg.HAListenPort))}
	return f, nil
}

// hostAddress is what clients are told. It fails with link.ErrNoAddress where there
// is nothing to tell them yet.
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
	return link.Choose(list)
}

// configured is the address that a key's value says: itself, or that of the link
// with that name. It fails with link.ErrNoAddress while the link has none.
func configured(key, value string, list []link.Interface) (netip.Addr, error) {
	if a, err := netip.ParseAddr(value); err == nil {
		if a.IsUnspecified() {
			return netip.Addr{}, fmt.Errorf("%s is %s, which is no address that others could use", key, value)
		}
		return a.Unmap(), nil
	}
	a, err := link.Of(list, value)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%s=%s: %w; plug it in or switch it on, or set %s to another link or to an address", key, value, err, key)
	}
	return a, nil
}

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// moved says whether this broker is now found elsewhere than at a: not while it is found
// nowhere, nor when a link that it is not known by has come up as well.
func (f finding) moved(a addresses) bool {
	if f.haless != nil && f.host == a.host {
		return false // slaves are told where they were; that link may come back
	}
	return f.hostless == nil && f.addresses != a
}

// findAgain looks where others find this broker now, after a change of links.
// What is wrong with the configuration was said at the start.
func (t *tenure) findAgain() (f finding, moved bool) {
	f, err := findAddresses(&t.cfg)
	if err != nil {
		return finding{addresses: t.addresses}, false
	}
	was := t.whyHostless()
	t.setHostless(f.hostless)
	switch {
	case f.hostless != nil && was == nil:
		t.log.Warn("this broker cannot be found any more: name servers are not told of it until it can", "was", t.host.String(), "err", f.hostless)
	case f.hostless == nil && was != nil:
		t.log.Info("this broker can be found again", "address", f.host.String())
	}
	return f, f.moved(t.addresses)
}

// whyHostless is why others cannot find this broker now; nil if they can.
func (t *tenure) whyHostless() error {
	if why := t.hostless.Load(); why != nil {
		return *why
	}
	return nil
}

func (t *tenure) setHostless(err error) {
	if err == nil {
		t.hostless.Store(nil)
		return
	}
	t.hostless.Store(&err)
}

// holdBack says why a name server is not told of this broker now: others could not
// reach it where it would be said to be. One on this machine serves this machine alone.
func (t *tenure) holdBack(server string) error {
	why := t.whyHostless()
	if why == nil || onThisMachine(server) {
		return nil
	}
	return fmt.Errorf("not told of this broker: %w", why)
}

// onThisMachine says whether the way to a server never leaves this machine.
func onThisMachine(server string) bool {
	a, err := link.Toward(server)
	return err == nil && a.IsLoopback()
}
