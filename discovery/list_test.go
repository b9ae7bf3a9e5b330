package discovery

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseList(t *testing.T) {
	tests := []struct {
		list string
		want []string // nil: refused with an error that contains says
		says string
	}{
		{"a:9876;b:9876", []string{"a:9876", "b:9876"}, ""},
		{" 192.0.2.1:9876 ; NS-2.Example.com.:9876; ", []string{"192.0.2.1:9876", "ns-2.example.com:9876"}, ""},
		{"[2001:DB8:0:0::1]:9876;[fe80::1%eth0]:9876", []string{"[2001:db8::1]:9876", "[fe80::1%eth0]:9876"}, ""},
		{"name_srv-1:09876", []string{"name_srv-1:9876"}, ""},
		{"", nil, "empty"},
		{" ; ", nil, "empty"},
		{"a:9876;;b:9876", nil, "name server 2"},
		{"a:9876;A:9876", nil, "1 and 2 of the list are both a:9876"},
		{"[::1]:9876;[0:0::1]:9876", nil, "1 and 2"},
		{"a:9876,b:9876", nil, "too many colons"},
		{"a,b:9876", nil, "separated by semicolons"},
		{"a", nil, "missing port"},
		{"192.0.2.1", nil, "has no port"},
		{"::1", nil, "brackets"},
		{"[::1]", nil, "brackets"},
		{"::1:9876", nil, "brackets"},
		{"a:0", nil, "65535"},
		{"a:65536", nil, "65535"},
		{"a:+1", nil, "65535"},
		{"a:", nil, "65535"},
		{":9876", nil, "1 to 253"},
		{"[fe80::1%a/b]:9876", nil, "network interface"},
		{"[::1:9876", nil, "missing ']'"},
		{"http://ns/list", nil, "URL"},
		{"300.1.1.1:9876", nil, "neither a name nor an IP"},
		{"../x:9876", nil, "1 to 63"},
		{"a b:9876", nil, "does not belong"},
		{"-a:9876", nil, "hyphen"},
		{"a..b:9876", nil, "1 to 63"},
		{strings.Repeat("a", 301), nil, "301 bytes"},
		{strings.Repeat("x:1;", 65), nil, "at most 64"},
	}
	for _, tt := range tests {
		got, err := ParseList(tt.list)
		if tt.want != nil {
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("ParseList(%q) = %q, %v, want %q", tt.list, got, err, tt.want)
			}
			continue
		}
		if !errors.Is(err, ErrAddr) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("ParseList(%q) = %q, %v, want ErrAddr saying %q", tt.list, got, err, tt.says)
		}
	}
}

func FuzzParseList(f *testing.F) {
	f.Add("a:9876;[::1]:9876")
	f.Add("192.0.2.1:1;;")
	f.Fuzz(func(t *testing.T, list string) {
		addrs, err := ParseList(list)
		if err != nil {
			return
		}
		again, err := ParseList(strings.Join(addrs, ";"))
		if err != nil || !slices.Equal(again, addrs) {
			t.Errorf("ParseList(%q) = %q, which reads back as %q, %v", list, addrs, again, err)
		}
	})
}
