package acl

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A Pattern says which addresses it means. The zero Pattern means none.
type Pattern struct {
	any    bool
	list   []netip.Addr
	lo, hi []uint16 // of each part of an address: 4 of IPv4, 8 of IPv6; nil unless it is a range
}

// ParsePattern reads an address, several of them separated by commas, one that ends in
// {1,2} for several, or one with ranges: 192.168.0.*, 10.0.1-20.*, fd00::1:*, fd00::1:1-20. * is
// every address; nothing is none. It fails with what it wants instead.
func ParsePattern(s string) (Pattern, error) {
	s = strings.TrimSpace(s)
	switch s {
	case "":
		return Pattern{}, nil
	case "*", "*.*.*.*", "*:*:*:*:*:*:*:*":
		return Pattern{any: true}, nil
	}
	bad := func(why string) (Pattern, error) { return Pattern{}, fmt.Errorf("%q %s", short(s), why) }
	if head, last, ok := strings.Cut(s, "{"); ok || strings.HasSuffix(s, "}") {
		last, closed := strings.CutSuffix(last, "}")
		if !closed || head == "" || strings.Count(head, ".") != 3 && !strings.Contains(head, ":") {
			return bad("is no address with several last parts, such as 192.168.0.{1,2}")
		}
		return parseList(s, head, last)
	}
	if strings.Contains(s, ",") {
		return parseList(s, "", s)
	}
	if !strings.ContainsAny(s, "*-") {
		return parseList(s, "", s)
	}
	if strings.Contains(s, ":") {
		return parseRange6(s)
	}
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return bad("is no address of four parts, each a number, a range such as 1-20, or *")
	}
	p := Pattern{lo: make([]uint16, 4), hi: make([]uint16, 4)}
	for i, part := range parts {
		lo, hi, ok := parseRange(part, 10, 255)
		if !ok {
			return bad("is no address of four parts, each a number, a range such as 1-20, or *")
		}
		p.lo[i], p.hi[i] = lo, hi
	}
	return p, nil
}

// parseList reads addresses that begin with head and end as tails say.
func parseList(s, head, tails string) (Pattern, error) {
	var p Pattern
	for tail := range strings.SplitSeq(tails, ",") {
		a, err := netip.ParseAddr(head + strings.TrimSpace(tail))
		if err != nil || a.Zone() != "" {
			return Pattern{}, fmt.Errorf("%q has no IP address at %q", short(s), short(head+tail))
		}
		p.list = append(p.list, a.Unmap())
	}
	return p, nil
}

// parseRange6 reads an IPv6 address of which the last part is a range or *, and the one
// before a range if the last is *.
func parseRange6(s string) (Pattern, error) {
	bad := fmt.Errorf("%q is no IPv6 address of which the last part is * or a range such as 1-200, or the last but one if the last is *", short(s))
	i := strings.LastIndexByte(s, ':')
	head, parts := s[:i], []string{s[i+1:]}
	if i = strings.LastIndexByte(head, ':'); i >= 0 && parts[0] == "*" && strings.Contains(head[i:], "-") {
		head, parts = head[:i], []string{head[i+1:], "*"}
	}
	p := Pattern{lo: make([]uint16, 8), hi: make([]uint16, 8)}
	fixed := 8 - len(parts)
	for k, part := range parts {
		lo, hi, ok := parseRange(part, 16, 0xffff)
		if !ok {
			return Pattern{}, bad
		}
		p.lo[fixed+k], p.hi[fixed+k] = lo, hi
	}
	// What is left is made whole with zeros in place of the ranges.
	a, err := netip.ParseAddr(head + strings.Repeat(":0", len(parts)))
	if err != nil || a.Zone() != "" || strings.Contains(head, ".") {
		return Pattern{}, bad
	}
	b := a.As16()
	for k := range fixed {
		v := uint16(b[2*k])<<8 | uint16(b[2*k+1])
		p.lo[k], p.hi[k] = v, v
	}
	return p, nil
}

// parseRange reads a number, two with a dash, or *.
func parseRange(s string, base int, most uint16) (lo, hi uint16, ok bool) {
	if s = strings.TrimSpace(s); s == "*" {
		return 0, most, true
	}
	first, last, both := strings.Cut(s, "-")
	if !both {
		last = first
	}
	a, err := strconv.ParseUint(first, base, 16)
	if err != nil {
		return 0, 0, false
	}
	b, err := strconv.ParseUint(last, base, 16)
	if err != nil || a > b || b > uint64(most) {
		return 0, 0, false
	}
	return uint16(a), uint16(b), true
}

// Any says whether every address is meant.
func (p *Pattern) Any() bool { return p.any }

// Match says whether a is meant. It allocates nothing.
func (p *Pattern) Match(a netip.Addr) bool {
	if p.any {
		return true
	}
	if p.lo == nil && len(p.list) == 0 {
		return false
	}
	a = a.Unmap().WithZone("")
	for _, one := range p.list {
		if one == a {
			return true
		}
	}
	if p.lo == nil || a.BitLen() != 32 && len(p.lo) == 4 || a.BitLen() != 128 && len(p.lo) == 8 {
		return false
	}
	b := a.As16()
	for i := range p.lo {
		v := uint16(b[2*i])<<8 | uint16(b[2*i+1])
		if len(p.lo) == 4 {
			v = uint16(b[12+i])
		}
		if v < p.lo[i] || v > p.hi[i] {
			return false
		}
	}
	return true
}

// short is s for a message, cut if it is long.
func short(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
