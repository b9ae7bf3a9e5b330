package record

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

// ErrMessageID means that a text is no offset message id.
var ErrMessageID = errors.New("record: malformed message id")

// MessageID returns the offset message id of the record at phyOffset on host:
// address, port (4 bytes) and offset in upper-case hex, 32 digits or 56. Clients
// take it apart to find the broker.
func MessageID(host netip.AddrPort, phyOffset int64) string {
	var b [56]byte
	return string(AppendMessageID(b[:0], host, phyOffset))
}

// AppendMessageID appends what MessageID returns.
func AppendMessageID(dst []byte, host netip.AddrPort, phyOffset int64) []byte {
	const digits = "0123456789ABCDEF"
	var raw [24]byte
	for _, b := range appendHost(raw[:0], host) {
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[phyOffset>>shift&15])
	}
	return dst
}

// ParseMessageID takes an offset message id apart. Digits may be of either
// case. It fails with ErrMessageID on any other text, and on an offset below 0.
func ParseMessageID(id string) (host netip.AddrPort, phyOffset int64, err error) {
	v6 := len(id) == 56
	if len(id) != 32 && !v6 {
		return netip.AddrPort{}, 0, fmt.Errorf("%w: %d digits, not 32 or 56", ErrMessageID, len(id))
	}
	var raw [20]byte
	if _, err := hex.Decode(raw[:], []byte(id[:len(id)-16])); err != nil {
		return netip.AddrPort{}, 0, fmt.Errorf("%w: %q", ErrMessageID, id)
	}
	offset, err := strconv.ParseUint(id[len(id)-16:], 16, 63)
	if err != nil {
		return netip.AddrPort{}, 0, fmt.Errorf("%w: %q", ErrMessageID, id)
	}
	host, ok := decodeHost(raw[:], v6)
	if !ok {
		return netip.AddrPort{}, 0, fmt.Errorf("%w: %q has a port above 65535", ErrMessageID, id)
	}
	return host, int64(offset), nil
}
