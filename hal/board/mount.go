package board

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// A Mount is one line of /proc/self/mountinfo.
type Mount struct {
	ID, Parent   int
	Major, Minor uint32 // of the device; major 0 has none
	Root         string // folder of the file system that is mounted
	Point        string // where
	Type         string // ext4, f2fs, overlay
	Source       string // /dev/mmcblk0p2, or a name without meaning
	Options      []string
	FastCommits  int64 // ext4: commits by its fast journal since it was mounted
}

// Has says whether the mount has an option, "nobarrier" or "fsync_mode=nobarrier".
func (m *Mount) Has(option string) bool {
	for _, o := range m.Options {
		if o == option {
			return true
		}
	}
	return false
}

// Value returns what the option called name is set to, "" if it is not.
func (m *Mount) Value(name string) string {
	for _, o := range m.Options {
		if k, v, ok := strings.Cut(o, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// Mounts lists what is mounted where, as this process sees it.
func (b *Board) Mounts() ([]Mount, error) {
	name := b.proc("self", "mountinfo")
	text, err := read(name)
	if err != nil {
		return nil, err
	}
	return parseMounts(name, text)
}

// parseMounts reads mountinfo, proc_pid_mountinfo(5):
//
//	36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/sda1 rw,errors=continue
func parseMounts(name, text string) ([]Mount, error) {
	var all []Mount
	for line := range strings.Lines(text) {
		m, ok := parseMount(line)
		if !ok {
			return nil, nonsense(name, line)
		}
		all = append(all, m)
	}
	return all, nil
}

func parseMount(line string) (m Mount, ok bool) {
	left, right, ok := strings.Cut(line, " - ")
	l, r := strings.Fields(left), strings.Split(strings.TrimRight(right, "\n"), " ")
	if !ok || len(l) < 6 || len(r) < 2 {
		return m, false
	}
	var errs [4]error
	m.ID, errs[0] = strconv.Atoi(l[0])
	m.Parent, errs[1] = strconv.Atoi(l[1])
	major, minor, ok := strings.Cut(l[2], ":")
	m.Major, errs[2] = parseUint32(major)
	m.Minor, errs[3] = parseUint32(minor)
	for _, err := range errs {
		ok = ok && err == nil
	}
	m.Root, m.Point, m.Type, m.Source = unescape(l[3]), unescape(l[4]), r[0], unescape(r[1])
	m.Options = strings.Split(l[5], ",")
	if len(r) > 2 {
		m.Options = append(m.Options, strings.Split(unescape(r[2]), ",")...)
	}
	return m, ok && strings.HasPrefix(m.Point, "/")
}

func parseUint32(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}

// unescape undoes the octal form in which the kernel writes spaces, tabs, line
// ends and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// mountOf returns the mount that the absolute path, without links, lies in. It
// goes the kernel's way: from the root, into the first mount point on the path,
// and from there into the next. What a later mount hides is so never taken.
func mountOf(all []Mount, abs string) (Mount, error) {
	at := -1
	for range all { // there are at most so many to go through
		next := -1
		for i := range all {
			if i == at || !within(abs, all[i].Point) || !follows(all, at, i) {
				continue
			}
			if next < 0 || len(all[i].Point) < len(all[next].Point) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		at = next
	}
	if at < 0 {
		return Mount{}, fmt.Errorf("board: no file system is mounted at %s or above it", abs)
	}
	return all[at], nil
}

// follows says whether mount i hangs in mount at; in none, if its own parent is
// not listed, as that of the root is not.
func follows(all []Mount, at, i int) bool {
	if at >= 0 {
		return all[i].Parent == all[at].ID
	}
	for j := range all {
		if j != i && all[j].ID == all[i].Parent {
			return false
		}
	}
	return true
}

// within says whether abs is point or below it.
func within(abs, point string) bool {
	abs, point = path.Clean(abs), path.Clean(point)
	return abs == point || point == "/" || strings.HasPrefix(abs, point+"/")
}
