package board

import (
	"math"
	"testing"
)

// TestAHiddenProc is what systemd's ProcSubset=pid leaves: the process's own part.
func TestAHiddenProc(t *testing.T) {
	root := t.TempDir()
	b := New(Options{Sys: root + "/sys", Proc: root + "/proc", Calls: Calls{
		Memory:  func() (int64, error) { return 512 << 20, nil },
		Release: func() (string, error) { return "6.1.21-v8+", nil },
	}})
	if k, err := b.Kernel(); err != nil || k != (Kernel{6, 1, 21}) {
		t.Errorf("the kernel is %v, %v", k, err)
	}
	if l, err := b.MemoryLimit(); err != nil || l != (MemoryLimit{512 << 20, "sysinfo"}) {
		t.Errorf("without a cgroup: %+v, %v", l, err)
	}
	put(t, b.proc("self", "mountinfo"), "1 0 0:1 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw")
	put(t, b.proc("self", "cgroup"), "0::/system.slice/pairmqd.service")
	put(t, b.sys("fs", "cgroup", "system.slice/pairmqd.service/memory.max"), "67108864")
	if l, err := b.MemoryLimit(); err != nil || l.Bytes != 64<<20 {
		t.Errorf("in a cgroup of 64 MiB: %+v, %v", l, err)
	}
}

// TestTheKernelsOwnCalls agree with its files, as far as this machine shows them.
func TestTheKernelsOwnCalls(t *testing.T) {
	b, own := New(Options{}), ownCalls()
	total, err := own.Memory()
	if err != nil || total < 1<<20 {
		t.Fatalf("sysinfo: %d bytes, %v", total, err)
	}
	// A 32-bit program that an emulator runs on a larger machine is told the lower 32 bits.
	cut := math.MaxInt == math.MaxInt32 && total < 1<<32
	if l, err := b.memory(); err != nil || !(cut && l.Bytes >= 1<<32) && (l.Bytes/10*9 > total || l.Bytes/10*11 < total) {
		t.Errorf("sysinfo tells of %d bytes, meminfo of %+v, %v", total, l, err)
	}
	release, err := own.Release()
	if err != nil {
		t.Fatal(err)
	}
	want, err := b.Kernel()
	if got, err2 := parseKernel("uname", release); err != nil || err2 != nil || got != want {
		t.Errorf("uname tells of %q, osrelease of %v, %v, %v", release, want, err, err2)
	}
}
