package loadgen

import (
	"errors"
	"testing"
)

func TestTargetRefusesOtherMachines(t *testing.T) {
	tests := []struct {
		addr  string
		allow bool
		want  error
	}{
		{"127.0.0.1:10911", false, nil},
		{"127.8.9.10:10911", false, nil},
		{"[::1]:10911", false, nil},
		{"[::ffff:127.0.0.1]:10911", false, nil},
		{"192.0.2.1:10911", false, ErrRemote},
		{"[2001:db8::1]:10911", false, ErrRemote},
		{"0.0.0.0:10911", false, ErrRemote},
		{"192.0.2.1:10911", true, nil},
	}
	for _, tt := range tests {
		if err := (Target{Addr: tt.addr, AllowRemote: tt.allow}).check(t.Context()); !errors.Is(err, tt.want) {
			t.Errorf("check of %s, allowed %v: %v, want %v", tt.addr, tt.allow, err, tt.want)
		}
	}
	if err := (Target{Addr: "127.0.0.1"}).check(t.Context()); err == nil {
		t.Error("an address without a port is accepted")
	}
}
