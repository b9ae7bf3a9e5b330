package main

import (
	"errors"
	"os"
	"testing"
)

func TestProcFilesAreRead(t *testing.T) {
	if got, err := parseSchedstat([]byte("123456789 42 7\n")); got != 123456789 || err != nil {
		t.Errorf("schedstat: %v, %v", got, err)
	}
	if got, err := parseResident([]byte("Name:\tpairmqd\nVmHWM:\t   20000 kB\nVmRSS:\t   12345 kB\nRssAnon:\t 1 kB\n")); got != 12345 || err != nil {
		t.Errorf("VmRSS: %v, %v", got, err)
	}
	for _, bad := range []string{"", "1 2", "x 1 2", "-1 2 3"} {
		if _, err := parseSchedstat([]byte(bad)); !errors.Is(err, errProc) {
			t.Errorf("schedstat %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "VmRSS:\t12 MB\n", "VmRSS: -1 kB\n", "VmRSS: x kB\n"} {
		if _, err := parseResident([]byte(bad)); !errors.Is(err, errProc) {
			t.Errorf("VmRSS %q: %v", bad, err)
		}
	}
	if rss, err := residentKiB(os.Getpid()); err != nil || rss <= 0 {
		t.Errorf("this test has %d KiB, %v", rss, err)
	}
}
