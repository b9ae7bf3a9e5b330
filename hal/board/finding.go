package board

import (
	"fmt"
	"strings"
)

// A Severity is what should come of a finding.
type Severity int

// From the least to the most severe.
const (
	Note   Severity = iota // worth knowing
	Warn                   // a promise does not hold, which may be known and wanted
	Refuse                 // a promise does not hold, and hardly anybody knows
)

// String names the severity.
func (s Severity) String() string {
	switch s {
	case Refuse:
		return "refuse"
	case Warn:
		return "warn"
	default:
		return "note"
	}
}

// A Finding says how a place breaks the promise that what was synced is there
// after a power cut, and what to do about it.
type Finding struct {
	Severity Severity
	Text     string
}

// Findings judges each file system and disk of the place, under this kernel.
// None means that nothing is known against it.
func (p *Place) Findings(k Kernel) []Finding {
	var all []Finding
	for i := range p.Mounts {
		all = append(all, judgeMount(&p.Mounts[i], k)...)
	}
	for i := range p.Disks {
		all = append(all, judgeDisk(&p.Disks[i])...)
	}
	return all
}

// Worst is the severest finding; false if there is none.
func Worst(all []Finding) (Finding, bool) {
	var worst Finding
	for i, f := range all {
		if i == 0 || f.Severity > worst.Severity {
			worst = f
		}
	}
	return worst, len(all) > 0
}

func judgeMount(m *Mount, k Kernel) []Finding {
	var all []Finding
	add := func(s Severity, format string, args ...any) {
		all = append(all, Finding{s, fmt.Sprintf("%s at %s ", m.Type, m.Point) + fmt.Sprintf(format, args...)})
	}
	switch m.Type {
	case "tmpfs", "ramfs":
		add(Warn, "is memory: nothing survives a restart of the machine; move the store to a disk")
		return all
	case "vfat", "exfat", "msdos":
		add(Warn, "has no journal: a power cut can damage files that were not even open; use ext4 or f2fs")
	case "ext2":
		add(Warn, "has no journal: after a power cut it must be checked before it can be mounted; use ext4 or f2fs")
	case "nfs", "nfs4", "cifs", "smb3":
		add(Warn, "is another machine's: what a sync means is decided there; move the store to a disk of this one")
	}
	for _, o := range []string{"nobarrier", "barrier=0", "barrier=none"} {
		if m.Has(o) {
			add(Refuse, "is mounted with %s: a sync does not empty the cache of the device, and a power cut loses what was acknowledged; mount it without %s", o, o)
		}
	}
	if m.Type == "f2fs" {
		if m.Has("fsync_mode=nobarrier") {
			add(Refuse, "is mounted with fsync_mode=nobarrier: a sync does not empty the cache of the device, and a power cut loses what was acknowledged; mount it with fsync_mode=posix")
		}
		if strings.HasPrefix(m.Value("checkpoint"), "disable") { // a share of the disk may follow
			add(Refuse, "is mounted with checkpoint=disable: a power cut takes everything back to where it was mounted; mount it with checkpoint=enable")
		}
	}
	if m.Type == "overlay" && (m.Has("volatile") || m.Has("fsync=volatile")) {
		add(Refuse, "is mounted with volatile: a sync does nothing, and a power cut loses what was acknowledged; keep the store on a volume of its own")
	}
	if m.Type == "ext4" {
		if m.FastCommits > 0 && badFastCommit(k) {
			add(Refuse, "has the feature fast_commit, which loses synced data on a power cut in Linux %d.%d.%d; use 5.10.94, 5.15.27, 5.17 or later, or tune2fs -O ^fast_commit", k.Major, k.Minor, k.Patch)
		}
		if m.Has("data=writeback") {
			add(Note, "is mounted with data=writeback: what was synced is safe, a file that was not may show old blocks after a power cut")
		}
	}
	return all
}

// badFastCommit says whether this version has ext4's fast commits, but not yet all
// that makes them safe. It came with 5.10; what was missing was put into 5.17, and
// into the two versions that are kept for long, see bbolt's list of known issues.
func badFastCommit(k Kernel) bool {
	switch {
	case k.Before(5, 10, 0), !k.Before(5, 17, 0):
		return false
	case k.Major == 5 && k.Minor == 10:
		return k.Patch < 94
	case k.Major == 5 && k.Minor == 15:
		return k.Patch < 27
	default:
		return true
	}
}

func judgeDisk(d *Disk) []Finding {
	switch {
	case d.Volatile():
		return []Finding{{Warn, d.Name + " is memory: nothing survives a restart of the machine; move the store to a disk"}}
	case d.Cache == "write through" && (d.Removable || d.Kind == SD || d.Kind == USB):
		return []Finding{{Warn, d.Name + " is a removable medium that says it has no cache, so that nothing can ask it to empty one: whether it keeps what was written when the power goes is up to its maker; prefer industrial eMMC, or a supply that outlasts the power"}}
	}
	return nil
}
