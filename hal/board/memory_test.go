package board

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

const (
	hostV2 = `29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot`
	hostV1 = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
34 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw`
	inContainer = `900 880 0:31 /docker/4f2a /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory`
	hostMounts2 = `29 23 0:26 /.. /sys/fs/cgroup ro - cgroup2 cgroup rw`
)

func TestMemoryLimit(t *testing.T) {
	tests := []struct {
		name, cgroup, mounts string
		files                map[string]string // below /sys/fs/cgroup
		want                 int64             // MiB
		from                 string
	}{
		{"no cgroups", "", hostV2, nil, 1024, "/meminfo"},
		{"v2, no limit", "0::/system.slice/pairmq.service", hostV2,
			map[string]string{"system.slice/pairmq.service/memory.max": "max", "system.slice/memory.max": "max"}, 1024, "/meminfo"},
		{"v2, its own", "0::/system.slice/pairmq.service", hostV2,
			map[string]string{"system.slice/pairmq.service/memory.max": "67108864", "system.slice/memory.max": "max"}, 64, "pairmq.service/memory.max"},
		{"v2, the slice's is less", "0::/system.slice/pairmq.service", hostV2,
			map[string]string{"system.slice/pairmq.service/memory.max": "134217728", "system.slice/memory.max": "100663296"}, 96, "system.slice/memory.max"},
		{"v2, where it is slowed", "0::/system.slice/pairmq.service", hostV2,
			map[string]string{"system.slice/pairmq.service/memory.max": "134217728", "system.slice/pairmq.service/memory.high": "50331648"}, 48, "memory.high"},
		{"v2, of a namespace", "0::/", hostMounts2, map[string]string{"memory.max": "33554432"}, 32, "cgroup/memory.max"},
		{"v2, nonsense", "0::/a", hostV2, map[string]string{"a/memory.max": "lots", "memory.max": "-5"}, 1024, "/meminfo"},
		{"v1", "5:cpu:/\n4:memory:/system.slice/x\n0::/", hostV1,
			map[string]string{"memory/system.slice/x/memory.limit_in_bytes": "83886080", "memory/memory.limit_in_bytes": "9223372036854771712"}, 80, "x/memory.limit_in_bytes"},
		{"v1, no limit", "4:memory:/", hostV1, map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712"}, 1024, "/meminfo"},
		{"v1, of a container", "4:cpu,memory:/docker/4f2a", inContainer, map[string]string{"memory/memory.limit_in_bytes": "268435456"}, 256, "memory/memory.limit_in_bytes"},
		{"v1, a path from outside", "4:memory:/kube/pod", inContainer, map[string]string{"memory/memory.limit_in_bytes": "268435456"}, 256, "memory/memory.limit_in_bytes"},
		{"more than there is", "0::/a", hostV2, map[string]string{"a/memory.max": "99999999999999"}, 1024, "/meminfo"},
	}
	for _, tt := range tests {
		root := t.TempDir()
		b := New(Options{Sys: root + "/sys", Proc: root + "/proc"})
		put(t, b.proc("meminfo"), "MemTotal:        1048576 kB\nMemFree:          521548 kB")
		put(t, b.proc("self", "mountinfo"), tt.mounts)
		if tt.cgroup != "" {
			put(t, b.proc("self", "cgroup"), tt.cgroup)
		}
		for name, text := range tt.files {
			put(t, b.sys("fs", "cgroup", name), text)
		}
		l, err := b.MemoryLimit()
		if err != nil || l.Bytes != tt.want<<20 || !strings.HasSuffix(l.From, tt.from) {
			t.Errorf("%s: %+v, %v, want %d MiB from %s", tt.name, l, err, tt.want, tt.from)
		}
	}
}

func TestMemoryThatIsNotTold(t *testing.T) {
	b := New(Options{Proc: t.TempDir()})
	if _, err := b.MemoryLimit(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no meminfo: %v, want that it does not exist", err)
	}
	for _, text := range []string{"", "MemFree: 1 kB", "MemTotal: 5 MB", "MemTotal: -5 kB", "MemTotal: 99999999999999999 kB"} {
		put(t, b.proc("meminfo"), text)
		if l, err := b.MemoryLimit(); !errors.Is(err, ErrNonsense) {
			t.Errorf("meminfo %q: %+v, %v, want ErrNonsense", text, l, err)
		}
	}
}

func TestGoMemory(t *testing.T) {
	for limit, want := range map[int64]int64{
		64 << 20: 64 << 20 / 10 * 7, 1 << 30: 1 << 30 / 10 * 7, 24 << 20: 24 << 20 / 10 * 7,
		16 << 20: 16 << 20, 1 << 20: 16 << 20, 0: 16 << 20,
	} {
		if got := GoMemory(limit); got != want {
			t.Errorf("of %d bytes Go may have %d, want %d", limit, got, want)
		}
	}
}

func FuzzParseCgroups(f *testing.F) {
	f.Add("4:memory:/a/b\n0::/../x\n")
	f.Add("::\n1:x\n0::a")
	f.Fuzz(func(t *testing.T, text string) {
		mounts, err := parseMounts("mountinfo", hostV2)
		if err != nil {
			t.Fatal(err)
		}
		b := New(Options{Sys: "/s"})
		for _, g := range parseCgroups(text) {
			for _, file := range b.upwards(mounts, g, "cgroup2", "", "memory.max") {
				if !within(file, "/s/fs/cgroup") {
					t.Errorf("%q leads to %s", text, file)
				}
			}
		}
	})
}

func FuzzParseMemTotal(f *testing.F) {
	f.Add("MemTotal:        1048576 kB\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseMemTotal("meminfo", text); n < 0 || err == nil && n == 0 || err != nil && !errors.Is(err, ErrNonsense) {
			t.Errorf("%q: %d bytes, %v", text, n, err)
		}
	})
}
