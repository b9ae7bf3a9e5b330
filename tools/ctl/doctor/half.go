package doctor

import (
	"net"
	"net/netip"

	"pairmq/daemon/config"
)

// mayBeHalf says whether the configuration lets the broker at addr be the other half, as far as it
// says: own is where this one is, and names of hosts are not looked up.
func mayBeHalf(cfg *config.Config, addr, own string) bool {
	if cfg.HASecretFile != "" {
		return true
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return true // something else is wrong
	}
	for _, one := range []string{own, cfg.HAMasterAddress, cfg.HASlaveAddress} {
		known, _, err := net.SplitHostPort(one)
		_, odd := netip.ParseAddr(known)
		if err == nil && (known == host || odd != nil) {
			return true
		}
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.IsLoopback() {
		return true
	}
	return cfg.HAPeers.Has(a)
}
