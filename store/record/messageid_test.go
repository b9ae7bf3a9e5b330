package record

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestMessageID(t *testing.T) {
	tests := []struct {
		host   string
		offset int64
		id     string
	}{
		{"127.0.0.1:20911", 2611, "7F000001000051AF0000000000000A33"}, // as a 4.9.7 broker answered
		{"[2001:db8::1]:10911", 1<<62 + 1, "20010DB800000000000000000000000100002A9F4000000000000001"},
	}
	for _, test := range tests {
		host := netip.MustParseAddrPort(test.host)
		if got := MessageID(host, test.offset); got != test.id {
			t.Errorf("MessageID(%v, %d) = %s, want %s", host, test.offset, got, test.id)
		}
		for _, id := range []string{test.id, strings.ToLower(test.id)} {
			gotHost, gotOffset, err := ParseMessageID(id)
			if gotHost != host || gotOffset != test.offset || err != nil {
				t.Errorf("ParseMessageID(%s) = %v, %d, %v, want %v, %d", id, gotHost, gotOffset, err, host, test.offset)
			}
		}
	}
	for _, id := range []string{
		"", "7F000001000051AF0000000000000A3", "7F000001000051AF0000000000000A3G", "7G000001000051AF0000000000000A33",
		"7F000001000151AF0000000000000A33", "7F000001000051AFF000000000000A33", "7F000001000051AF+000000000000A33",
		"FD00000000000000000000000000000276D360E53B937208137D000X",
	} {
		if _, _, err := ParseMessageID(id); !errors.Is(err, ErrMessageID) {
			t.Errorf("ParseMessageID(%s) = %v, want ErrMessageID", id, err)
		}
	}
}

func FuzzParseMessageID(f *testing.F) {
	f.Add("7F000001000051AF0000000000000A33")
	f.Add("20010DB800000000000000000000000100002A9F4000000000000001")
	f.Fuzz(func(t *testing.T, id string) {
		host, offset, err := ParseMessageID(id)
		if err == nil && !host.Addr().Is4In6() && MessageID(host, offset) != strings.ToUpper(id) {
			t.Errorf("%s is %v at %d, which makes %s", id, host, offset, MessageID(host, offset))
		}
	})
}
