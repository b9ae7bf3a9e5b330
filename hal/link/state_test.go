package link_test

import (
	"strings"
	"testing"

	"pairmq/hal/link"
)

// TestAStateForPeople: what is not told is not shown.
func TestAStateForPeople(t *testing.T) {
	for _, tt := range []struct {
		state link.State
		want  string
	}{
		{link.State{Name: "eth0", Up: true, Carrier: true, Oper: "up", Speed: 1000, In: link.Counts{Bytes: 1_234_567_890}, Out: link.Counts{Bytes: 3_400_000_000}}, "eth0 up 1000 Mbit/s 1.2 GB in 3.4 GB out"},
		{link.State{Name: "wwan0", Up: true, Carrier: true, Oper: "unknown", In: link.Counts{Bytes: 999}, Out: link.Counts{Bytes: 1000}}, "wwan0 up 999 B in 1.0 kB out"},
		{link.State{Name: "eth1", Up: true, Oper: "down", In: link.Counts{Errors: 3, Drops: 1}, Out: link.Counts{Errors: 1}}, "eth1 down 0 B in 0 B out 4 errors 1 dropped"},
		{link.State{Name: "usb0"}, "usb0 off 0 B in 0 B out"},
		{link.State{Name: "wlan0", Up: true, Carrier: true, Oper: "dormant"}, "wlan0 dormant 0 B in 0 B out"},
	} {
		if got := tt.state.String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	list := []link.State{{Name: "a"}, {Name: "b"}}
	if got, want := link.Describe(list), "a off 0 B in 0 B out; b off 0 B in 0 B out"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 1_500_000: "1.5 MB", 999_960_000_000: "1.0 TB", 1<<64 - 1: "18.4 EB"} {
		if got := link.Size(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}

// TestTheKernelIsAsked: whatever links this machine has, loopback is none of them.
func TestTheKernelIsAsked(t *testing.T) {
	list, err := link.States("/sys")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Name == "lo" || s.Name == "" || s.Index == 0 || !strings.HasPrefix(s.String(), s.Name+" ") {
			t.Errorf("a link: %+v", s)
		}
	}
}
