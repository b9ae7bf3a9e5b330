package config

import (
	"strings"
	"testing"
)

func TestAdminAddresses(t *testing.T) {
	for _, tt := range []struct{ value, want, complaint string }{
		{"", "", ""},
		{" 192.0.2.7 ; 10.1.0.0/16;2001:db8::/32;::1;", "192.0.2.7;10.1.0.0/16;2001:db8::/32;::1", ""},
		{"0.0.0.0/0;::/0", "0.0.0.0/0;::/0", ""},
		{"::ffff:192.0.2.7;::ffff:10.0.0.0/104", "192.0.2.7;10.0.0.0/8", ""},
		{"::ffff:0.0.0.0/95", "", "96 bits"},
		{"10.1.2.3/16", "", "the network is 10.1.0.0/16"},
		{"gateway", "", `has "gateway"`},
		{"10.1.0.0/33", "", `has "10.1.0.0/33"`},
		{"192.0.2.7,192.0.2.8", "", `has "192.0.2.7,192.0.2.8"`},
		{"fe80::1%eth0", "", "eth0"},
	} {
		c, _, err := Load("", []string{"namesrvAddr=127.0.0.1:9876", "adminAddresses=" + tt.value})
		if tt.complaint != "" {
			if err == nil || !strings.Contains(err.Error(), tt.complaint) {
				t.Errorf("%q: %v, want %q", tt.value, err, tt.complaint)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.value, err)
			continue
		}
		if got := adminsKey().value(&c); got != tt.want {
			t.Errorf("%q is %q, want %q", tt.value, got, tt.want)
		}
	}
}
