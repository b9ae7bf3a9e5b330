package board

import (
	"math"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A MemoryLimit is how much memory this process and its cgroup may have.
type MemoryLimit struct {
	Bytes int64
	From  string // the file that says so, or the call
}

// MemoryLimit returns the least of the memory the machine has, and of what each
// cgroup from this process's up to the root allows: memory.max and memory.high of
// version 2, memory.limit_in_bytes of version 1. It fails if not even the
// machine's is known; cgroups that cannot be read set no limit.
func (b *Board) MemoryLimit() (MemoryLimit, error) {
	least, err := b.memory()
	if err != nil {
		return MemoryLimit{}, err
	}
	for _, file := range b.limitFiles() {
		text, err := read(file)
		if err != nil {
			continue // the root has none
		}
		if n, ok := parseLimit(text); ok && n < least.Bytes {
			least = MemoryLimit{n, file}
		}
	}
	return least, nil
}

// memory is what the machine has.
func (b *Board) memory() (MemoryLimit, error) {
	name := b.proc("meminfo")
	text, err := read(name)
	if err != nil {
		total, err := orCall(err, b.opts.Calls.Memory)
		return MemoryLimit{total, "sysinfo"}, err
	}
	total, err := parseMemTotal(name, text)
	return MemoryLimit{total, name}, err
}

// limitFiles lists the files that may limit this process's memory.
func (b *Board) limitFiles() []string {
	text, err := read(b.proc("self", "cgroup"))
	if err != nil {
		return nil
	}
	mounts, err := b.Mounts()
	if err != nil {
		return nil
	}
	var files []string
	for _, g := range parseCgroups(text) {
		if g.v2() {
			files = append(files, b.upwards(mounts, g, "cgroup2", "", "memory.max", "memory.high")...)
		} else if slices.Contains(g.controllers, "memory") {
			files = append(files, b.upwards(mounts, g, "cgroup", "memory", "memory.limit_in_bytes")...)
		}
	}
	return files
}

// A cgroup is one line of /proc/self/cgroup: "0::/a/b" of version 2,
// "4:memory:/a/b" of version 1.
type cgroup struct {
	id          string
	controllers []string
	path        string
}

func (g *cgroup) v2() bool { return g.id == "0" && len(g.controllers) == 0 }

// parseCgroups reads /proc/self/cgroup, cgroups(7); it leaves out what is none.
func parseCgroups(text string) []cgroup {
	var all []cgroup
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3)
		if len(f) < 3 || !strings.HasPrefix(f[2], "/") {
			continue
		}
		g := cgroup{id: f[0], path: path.Clean(f[2])}
		if f[1] != "" {
			g.controllers = strings.Split(f[1], ",")
		}
		all = append(all, g)
	}
	return all
}

// upwards lists files of the cgroup and of all above it, as far as they are
// mounted. In a container the mount shows a part of the tree, which the process's
// path may start outside of: then what is mounted is the process's own.
func (b *Board) upwards(mounts []Mount, g cgroup, typ, controller string, names ...string) []string {
	for i := range mounts {
		m := &mounts[i]
		if m.Type != typ || controller != "" && !m.Has(controller) {
			continue
		}
		rel := "/"
		if within(g.path, m.Root) {
			rel = path.Join("/", strings.TrimPrefix(g.path, path.Clean(m.Root)))
		}
		var files []string
		for ; ; rel = path.Dir(rel) {
			for _, n := range names {
				files = append(files, filepath.Join(b.seen(m.Point), rel, n))
			}
			if rel == "/" {
				return files
			}
		}
	}
	return nil
}

// seen returns where a path of sysfs is below this board's root of it.
func (b *Board) seen(point string) string {
	if rest, ok := strings.CutPrefix(point, "/sys/"); ok {
		return b.sys(rest)
	}
	return point
}

// parseLimit reads "67108864"; "max" is no limit.
func parseLimit(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0
}

// parseMemTotal takes "MemTotal:  1012345 kB" of /proc/meminfo, in bytes.
func parseMemTotal(name, text string) (int64, error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "MemTotal:" {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil || f[2] != "kB" || n <= 0 || n > math.MaxInt64>>10 {
			return 0, nonsense(name, line)
		}
		return n << 10, nil
	}
	return 0, nonsense(name, "no MemTotal")
}

// leastHeap is how many bytes a Go heap needs to be worth collecting for: below, the
// collector would run all the time and free nothing.
const leastHeap = 16 << 20

// GoMemory proposes in bytes what GOMEMLIMIT should be where the process may have
// limit: seven tenths of it, at least 16 MiB. What Go does not count must fit
// beside it, or the kernel ends the process before the collector does anything:
// the program itself, mapped files, and the cache of pages that wait to be
// written, which counts as the cgroup's; and GOMEMLIMIT is an aim, no bound.
func GoMemory(limit int64) int64 {
	return max(limit/10*7, leastHeap)
}
