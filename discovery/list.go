package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Bounds of a list and of one address in it.
const (
	MaxServers = 64  // name servers in one list
	maxAddr    = 300 // bytes: a host name of 253, brackets, a zone and a port
)

// ErrAddr is the cause of every refused address.
var ErrAddr = errors.New("discovery: bad address")

// ParseList reads a list of name servers as RocketMQ writes it,
// "a:9876;b:9876;[fe80::1]:9876", and returns the addresses in their order and
// in one spelling (host names in lower case, IP addresses canonical). Blanks
// around an address and one semicolon at the end are tolerated. It fails with
// ErrAddr, naming the offender, for an empty list, an empty or malformed
// element, a duplicate, or more than MaxServers.
func ParseList(list string) ([]string, error) {
	list = strings.TrimSpace(list)
	list = strings.TrimSuffix(list, ";")
	if list == "" {
		return nil, fmt.Errorf("%w: the list of name servers is empty", ErrAddr)
	}
	elems := strings.Split(list, ";")
	if len(elems) > MaxServers {
		return nil, fmt.Errorf("%w: %d name servers, at most %d are allowed", ErrAddr, len(elems), MaxServers)
	}
	addrs := make([]string, 0, len(elems))
	seen := make(map[string]int, len(elems))
	for i, elem := range elems {
		addr, err := ParseAddr(strings.TrimSpace(elem))
		if err != nil {
			return nil, fmt.Errorf("name server %d of the list: %w", i+1, err)
		}
		if first, dup := seen[addr]; dup {
			return nil, fmt.Errorf("%w: name servers %d and %d of the list are both %s", ErrAddr, first, i+1, addr)
		}
		seen[addr] = i + 1
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// ParseAddr reads "host:port", where host is a name, an IPv4 address or an IPv6
// address in brackets, and returns it in one spelling. It fails with ErrAddr.
func ParseAddr(addr string) (string, error) {
	if addr == "" {
		return "", fmt.Errorf("%w: it is empty", ErrAddr)
	}
	if len(addr) > maxAddr {
		return "", fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrAddr, len(addr), maxAddr)
	}
	if strings.Contains(addr, "://") {
		return "", fmt.Errorf("%w: %q is a URL; write host:port", ErrAddr, addr)
	}
	if isBareIP(addr) {
		return "", fmt.Errorf("%w: %q has no port (an IPv6 address goes in brackets, as in [::1]:9876)", ErrAddr, addr)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("%w: %q: %s; write host:port, as in 192.0.2.1:9876", ErrAddr, addr, reason(err))
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '+' {
		return "", fmt.Errorf("%w: %q: port %q is not a number from 1 to 65535", ErrAddr, addr, port)
	}
	host, err = parseHost(host)
	if err != nil {
		return "", fmt.Errorf("%w: %q: %w", ErrAddr, addr, err)
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

// CheckReachable fails with ErrAddr if addr is no address, or one at which nobody can
// be reached from the host that has the address from: an unspecified one, one of
// many, or loopback unless that is loopback too. A zero from says nothing.
func CheckReachable(addr string, from netip.Addr) error {
	whole, err := ParseAddr(addr)
	if err != nil {
		return err
	}
	ap, err := netip.ParseAddrPort(whole)
	if err != nil {
		return nil // a name: who resolves it finds out
	}
	ip := ap.Addr().Unmap()
	switch {
	case ip.IsUnspecified() || ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%w: at %s nobody can be reached", ErrAddr, addr)
	case ip.IsLoopback() && from.IsValid() && !from.Unmap().IsLoopback():
		return fmt.Errorf("%w: %s is loopback, which from %s is another host", ErrAddr, addr, from)
	}
	return nil
}

// isBareIP reports whether addr is an IP address without a port.
func isBareIP(addr string) bool {
	if inner, ok := strings.CutPrefix(addr, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); !ok {
			return false
		}
		addr = inner
	}
	_, err := netip.ParseAddr(addr)
	return err == nil
}

// reason is what net's parser says, without the address it repeats.
func reason(err error) string {
	if bad, ok := errors.AsType[*net.AddrError](err); ok {
		return bad.Err
	}
	return err.Error()
}

func parseHost(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if zone := ip.Zone(); zone != "" {
			if err := checkZone(zone); err != nil {
				return "", err
			}
		}
		return ip.String(), nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || len(host) > 253 {
		return "", fmt.Errorf("a host name has 1 to 253 bytes, this one %d", len(host))
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return "", err
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return "", errors.New("the host is neither a name nor an IP address")
	}
	return host, nil
}

// checkLabel allows what resolvers resolve in practice: letters, digits and
// hyphens, and the underscores of container names.
func checkLabel(label string) error {
	if label == "" || len(label) > 63 {
		return fmt.Errorf("a part of a host name has 1 to 63 bytes, this one %d", len(label))
	}
	for i := range len(label) {
		c := label[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return fmt.Errorf("%q does not belong in a host name (name servers are separated by semicolons)", c)
		}
	}
	if label[0] == '-' || label[len(label)-1] == '-' {
		return fmt.Errorf("the host name part %q begins or ends with a hyphen", label)
	}
	return nil
}

// checkZone allows the names Linux gives to network interfaces in practice.
func checkZone(zone string) error {
	for i := range len(zone) {
		c := zone[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return fmt.Errorf("%q does not belong in the name of a network interface", c)
		}
	}
	return nil
}
