package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// CgroupRoots are where cgroups with a controller for memory are looked for: those of
// version 2, alone or beside version 1, and of version 1.
func CgroupRoots() []string {
	return []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"}
}

// A layout is how one version of cgroups calls what is needed here.
type layout struct {
	Version                   int
	limit, swap, peak, events string
	swapLimit                 string // what to write into swap; empty: the limit, of memory and swap together
	killed                    string // the key of events that counts kills
}

func layouts() []layout {
	return []layout{
		{Version: 2, limit: "memory.max", swap: "memory.swap.max", swapLimit: "0", peak: "memory.peak", events: "memory.events", killed: "oom_kill"},
		{Version: 1, limit: "memory.limit_in_bytes", swap: "memory.memsw.limit_in_bytes", peak: "memory.max_usage_in_bytes", events: "memory.oom_control", killed: "oom_kill"},
	}
}

// ErrNoCgroup says that this machine has nothing to limit memory with.
var ErrNoCgroup = errors.New("there is no cgroup with a memory controller in which this program may make another; it needs root, and cgroups mounted below /sys/fs/cgroup")

// A Cgroup holds what runs in it to its memory.
type Cgroup struct {
	layout
	dir string
}

// NewCgroup makes a cgroup of that name which may have so many bytes, and no swap.
func NewCgroup(roots []string, name string, bytes int64) (*Cgroup, error) {
	for _, root := range roots {
		for _, l := range layouts() {
			g := &Cgroup{layout: l, dir: filepath.Join(root, name)}
			if !g.available(root) {
				continue
			}
			if err := os.Mkdir(g.dir, 0o755); err != nil {
				return nil, err
			}
			if err := g.hold(bytes); err != nil {
				return nil, errors.Join(err, g.Remove())
			}
			return g, nil
		}
	}
	return nil, ErrNoCgroup
}

// available says whether a cgroup below root would limit memory, and has version 2
// do so if it has not yet.
func (g *Cgroup) available(root string) bool {
	if g.Version == 1 {
		_, err := os.Stat(filepath.Join(root, g.limit))
		return err == nil
	}
	have, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil || !hasWord(have, "memory") {
		return false
	}
	control := filepath.Join(root, "cgroup.subtree_control")
	if b, err := os.ReadFile(control); err == nil && hasWord(b, "memory") {
		return true
	}
	return os.WriteFile(control, []byte("+memory"), 0o644) == nil
}

func hasWord(b []byte, word string) bool {
	for f := range bytes.FieldsSeq(b) {
		if string(f) == word {
			return true
		}
	}
	return false
}

// hold sets the limits. A kernel that does not count swap has no file for it.
func (g *Cgroup) hold(limit int64) error {
	if err := os.WriteFile(filepath.Join(g.dir, g.limit), []byte(strconv.FormatInt(limit, 10)), 0o644); err != nil {
		return err
	}
	swap := g.swapLimit
	if swap == "" {
		swap = strconv.FormatInt(limit, 10)
	}
	if err := os.WriteFile(filepath.Join(g.dir, g.swap), []byte(swap), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

// Enter returns a command that runs argv in the cgroup.
func (g *Cgroup) Enter(argv []string) []string {
	return append([]string{"/bin/sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(g.dir, "cgroup.procs")}, argv...)
}

// A Usage is what the cgroup needed.
type Usage struct {
	Peak  int64 // bytes, with the cache of pages; -1 where the kernel does not tell
	Kills int64 // by the kernel, for want of memory
}

func (g *Cgroup) Usage() (Usage, error) {
	u := Usage{Peak: -1}
	b, err := os.ReadFile(filepath.Join(g.dir, g.peak))
	if err == nil {
		u.Peak, err = strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	} else if errors.Is(err, os.ErrNotExist) { // Linux before 5.19
		err = nil
	}
	if err != nil {
		return u, err
	}
	if b, err = os.ReadFile(filepath.Join(g.dir, g.events)); err != nil {
		return u, err
	}
	u.Kills, err = countOf(b, g.killed)
	return u, err
}

// countOf finds "key number" in a file of the kernel's.
func countOf(b []byte, key string) (int64, error) {
	for line := range bytes.Lines(b) {
		if k, v, ok := strings.Cut(strings.TrimSpace(string(line)), " "); ok && k == key {
			return strconv.ParseInt(v, 10, 64)
		}
	}
	return 0, fmt.Errorf("the kernel does not tell %s", key)
}

// Remove ends the cgroup, in which nothing runs any more.
func (g *Cgroup) Remove() error { return os.Remove(g.dir) }
