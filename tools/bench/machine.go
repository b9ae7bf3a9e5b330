package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A machine is what everything was measured on.
type machine struct {
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	Disk   string `json:"disk"` // file system and device of the stores
	Java   string `json:"java"`
	Go     string `json:"go"`
}

// describeMachine reads what the kernel tells; what it does not tell is "unknown".
func describeMachine(ctx context.Context, dir string) machine {
	m := machine{CPU: "unknown", CPUs: runtime.NumCPU(), Memory: "unknown", Kernel: "unknown", Disk: "unknown", Java: "none", Go: runtime.Version()}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = lineValue(string(b), "model name")
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Memory = fmt.Sprintf("%.1f GiB", float64(info.Totalram)*float64(info.Unit)/(1<<30))
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(b)) + " " + runtime.GOARCH
	}
	if b, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		m.Disk = mountOf(string(b), deviceOf(dir))
	}
	if out, err := exec.CommandContext(ctx, "java", "-version").CombinedOutput(); err == nil {
		first, _, _ := bytes.Cut(out, []byte("\n"))
		m.Java = strings.ReplaceAll(string(first), `"`, "")
	}
	return m
}

// lineValue returns what follows "key :" in the first line that has it.
func lineValue(text, key string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// deviceOf returns major:minor of the device that dir, or its nearest folder
// that exists, is on.
func deviceOf(dir string) string {
	var st unix.Stat_t
	for unix.Stat(dir, &st) != nil {
		parent := dir[:max(strings.LastIndexByte(dir, '/'), 0)]
		if parent == "" {
			return ""
		}
		dir = parent
	}
	return fmt.Sprintf("%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)))
}

// mountOf finds a device in mountinfo: "ext4 on /dev/vda (rw,relatime)".
func mountOf(mountinfo, device string) string {
	for line := range strings.Lines(mountinfo) {
		f := strings.Fields(line)
		for i := 6; i+2 < len(f) && f[2] == device; i++ {
			if f[i] == "-" {
				return fmt.Sprintf("%s on %s (%s)", f[i+1], f[i+2], f[5])
			}
		}
	}
	return "unknown"
}
