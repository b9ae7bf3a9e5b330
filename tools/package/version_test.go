package main

import "testing"

func TestVersionsOfPackages(t *testing.T) {
	tests := []struct{ describe, want string }{
		{"v1.2.3", "1.2.3"},
		{"1.2.3", "1.2.3"},
		{"v1.2.3-5-gabcdef0", "1.2.3+5.gabcdef0"},
		{"v1.2.3-rc.1", "1.2.3~rc.1"},
		{"v1.2.3-rc.1-5-gabcdef0-dirty", "1.2.3~rc.1+5.gabcdef0.dirty"},
		{"v1.2.3-dirty", "1.2.3+dirty"},
		{"5e2b5ca", "0.0.0+256.g5e2b5ca"},
		{"5e2b5ca-dirty", "0.0.0+256.g5e2b5ca.dirty"},
		{"unknown", ""},
		{"", ""},
		{"v1.2", ""},
	}
	for _, tt := range tests {
		got, err := packageVersion(tt.describe, 256)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("packageVersion(%q) = %q, %v, want %q", tt.describe, got, err, tt.want)
		}
	}
}
