package main

import (
	"errors"
	"os"
	"testing"
	"time"
)

const someStatus = "Name:\tjava\nVmPeak:\t 9 kB\nVmHWM:\t  373204 kB\nVmRSS:\t  365100 kB\nRssAnon:\t  296000 kB\nThreads:\t9\n"

func TestParseStatus(t *testing.T) {
	if m, err := parseStatus([]byte(someStatus)); m != (memory{rss: 365100, hwm: 373204, anon: 296000}) || err != nil {
		t.Errorf("parseStatus = %+v, %v", m, err)
	}
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := parseStatus(b); err != nil || m.rss < 1000 || m.hwm < m.rss || m.anon > m.rss {
		t.Errorf("of this process: %+v, %v", m, err)
	}
	for _, bad := range []string{"", "VmRSS: 1 kB\n", "VmRSS:\nVmHWM: 2 kB\nRssAnon: 1 kB\n", "VmRSS: x kB\nVmHWM: 2 kB\nRssAnon: 1 kB\n"} {
		if m, err := parseStatus([]byte(bad)); !errors.Is(err, errProc) {
			t.Errorf("parseStatus(%q) = %+v, %v; want errProc", bad, m, err)
		}
	}
}

func TestParseStat(t *testing.T) {
	const stat = "4711 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 99\n"
	if d, err := parseStat([]byte(stat)); d != 3*time.Second || err != nil {
		t.Errorf("parseStat(%q) = %v, %v; want 3s", stat, d, err)
	}
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseStat(b); err != nil {
		t.Errorf("of this process: %v", err)
	}
	for _, bad := range []string{"", "1 (x) S 1 2 3", "1 (x) S 1 2 3 4 5 6 7 8 9 10 -5 50 0", "1 (x) S 1 2 3 4 5 6 7 8 9 10 999999999999 50 0"} {
		if d, err := parseStat([]byte(bad)); !errors.Is(err, errProc) {
			t.Errorf("parseStat(%q) = %v, %v; want errProc", bad, d, err)
		}
	}
}

func FuzzProcfs(f *testing.F) {
	f.Add([]byte(someStatus))
	f.Add([]byte("1 (x) S 1 2 3 4 5 6 7 8 9 10 5 50 0"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if m, err := parseStatus(in); err == nil && (m.rss < 0 || m.hwm < 0 || m.anon < 0) {
			t.Errorf("parseStatus(%q) = %+v", in, m)
		}
		if d, err := parseStat(in); err == nil && d < 0 {
			t.Errorf("parseStat(%q) = %v", in, d)
		}
	})
}

func TestMountOf(t *testing.T) {
	const info = "22 28 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n30 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard\n"
	for device, want := range map[string]string{"254:0": "ext4 on /dev/vda (rw,relatime)", "0:20": "sysfs on sysfs (rw,nosuid)", "8:1": "unknown"} {
		if got := mountOf(info, device); got != want {
			t.Errorf("mountOf(%s) = %q, want %q", device, got, want)
		}
	}
	m := describeMachine(t.Context(), t.TempDir()+"/not/there")
	if m.CPUs < 1 || m.Memory == "unknown" || m.Kernel == "unknown" {
		t.Errorf("this machine: %+v", m)
	}
}
