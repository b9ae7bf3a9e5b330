package harness

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// write makes a file of a made-up cgroup.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCgroupsOfBothVersions(t *testing.T) {
	none, v2, v1 := t.TempDir(), t.TempDir(), t.TempDir()
	if _, err := NewCgroup([]string{none}, "x", 1); !errors.Is(err, ErrNoCgroup) {
		t.Errorf("a folder that is none: %v", err)
	}
	write(t, filepath.Join(v2, "cgroup.controllers"), "cpuset cpu memory pids\n")
	write(t, filepath.Join(v2, "cgroup.subtree_control"), "")
	write(t, filepath.Join(v1, "memory.limit_in_bytes"), "9223372036854771712\n")
	tests := []struct {
		root, limit, swap, want, peak, events, counts string
		version                                       int
	}{
		{v2, "memory.max", "memory.swap.max", "0", "memory.peak", "memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\n", 2},
		{v1, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "1048576", "memory.max_usage_in_bytes", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", 1},
	}
	for _, tt := range tests {
		g, err := NewCgroup([]string{none, tt.root}, "x", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, filepath.Join(g.dir, tt.limit)); got != "1048576" || g.Version != tt.version {
			t.Errorf("version %d: the limit is %q", g.Version, got)
		}
		if got := read(t, filepath.Join(g.dir, tt.swap)); got != tt.want {
			t.Errorf("version %d: with swap it is %q, want %q", g.Version, got, tt.want)
		}
		write(t, filepath.Join(g.dir, tt.events), tt.counts)
		if u, err := g.Usage(); err != nil || u != (Usage{Peak: -1, Kills: 1}) {
			t.Errorf("version %d, a kernel without a peak: %+v, %v", g.Version, u, err)
		}
		write(t, filepath.Join(g.dir, tt.peak), "1044480\n")
		if u, err := g.Usage(); err != nil || u != (Usage{Peak: 1044480, Kills: 1}) {
			t.Errorf("version %d: %+v, %v", g.Version, u, err)
		}
		write(t, filepath.Join(g.dir, tt.events), "low 0\n")
		if _, err := g.Usage(); err == nil {
			t.Errorf("version %d: a kernel that does not count kills is believed", g.Version)
		}
	}
	if got := read(t, filepath.Join(v2, "cgroup.subtree_control")); got != "+memory" {
		t.Errorf("version 2 was told %q", got)
	}
}
