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
	if got, err := parseResident([]byte("00400000-7ffe0000 ---p 00000000 00:00 0    [rollup]\nRss:               12345 kB\nPss:               12000 kB\n")); got != 12345 || err != nil {
		t.Errorf("Rss: %v, %v", got, err)
	}
	for _, bad := range []string{"", "1 2", "x 1 2", "-1 2 3"} {
		if _, err := parseSchedstat([]byte(bad)); !errors.Is(err, errProc) {
			t.Errorf("schedstat %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "Rss:\t12 MB\n", "Rss: -1 kB\n", "Rss: x kB\n"} {
		if _, err := parseResident([]byte(bad)); !errors.Is(err, errProc) {
			t.Errorf("Rss %q: %v", bad, err)
		}
	}
	if rss, err := residentKiB(os.Getpid()); err != nil || rss <= 0 {
		t.Errorf("this test has %d KiB, %v", rss, err)
	}
}
