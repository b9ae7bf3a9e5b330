package record

import (
	"encoding/binary"
	"net/netip"
)

// isV6 says whether host takes 20 bytes in a record. An IPv4 address that came
// in through an IPv6 socket counts as IPv4, as in Java; no address is 0.0.0.0.
func isV6(host netip.AddrPort) bool {
	a := host.Addr()
	return a.Is6() && !a.Is4In6()
}

// appendHost appends address and port: 8 bytes, or 20 for IPv6.
func appendHost(dst []byte, host netip.AddrPort) []byte {
	switch a := host.Addr(); {
	case isV6(host):
		b := a.As16()
		dst = append(dst, b[:]...)
	case a.IsValid():
		b := a.Unmap().As4()
		dst = append(dst, b[:]...)
	default:
		dst = append(dst, 0, 0, 0, 0)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(host.Port()))
}

// validPort says whether the host that b begins with has a port, not more.
func validPort(b []byte, v6 bool) bool {
	return binary.BigEndian.Uint32(b[hostSize(v6)-4:]) <= 0xFFFF
}

// decodeHost reads 8 bytes, or 20 for IPv6. It reports a port that is none.
func decodeHost(b []byte, v6 bool) (netip.AddrPort, bool) {
	var a netip.Addr
	if v6 {
		a, b = netip.AddrFrom16([16]byte(b)), b[16:]
	} else {
		a, b = netip.AddrFrom4([4]byte(b)), b[4:]
	}
	port := binary.BigEndian.Uint32(b)
	return netip.AddrPortFrom(a, uint16(port)), port <= 0xFFFF
}

func hostSize(v6 bool) int {
	if v6 {
		return 20
	}
	return 8
}
