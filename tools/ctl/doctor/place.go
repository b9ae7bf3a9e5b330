package doctor

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"pairmq/daemon/config"
	"pairmq/hal/board"
	"pairmq/store"
)

// watermarks are those that the daemon goes by.
func watermarks(cfg *config.Config) store.Watermarks {
	return store.Watermarks{Filling: cfg.DiskFilling, Tight: cfg.DiskTight, Full: cfg.DiskFull, Critical: cfg.DiskCritical}
}

// ownerOf is whom a file belongs to; 0 and 0 where it has no owner.
func ownerOf(info os.FileInfo) (uid, gid int) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), int(st.Gid)
	}
	return 0, 0
}

// place looks at the file system below the store, how it is mounted, and at the flash.
func (x *exam) place() {
	hw := x.opts.Board
	place, err := hw.Place(x.cfg.StoreRoot)
	if err != nil {
		x.warn("mount", "nothing, if /proc or /sys are not there", "what the store lies on is known in part: %v", err)
	}
	kernel, _ := hw.Kernel() // unknown, it has no known faults
	bad := false
	for _, f := range place.Findings(kernel) {
		if f.Severity == board.Note {
			x.ok("mount", "%s", f.Text)
			continue
		}
		bad = true
		x.verdictOf(f.Severity == board.Refuse, "mount", "as it says; allowUnsafeMount=true has the daemon start all the same", "%s", f.Text)
	}
	if !bad && len(place.Mounts) > 0 {
		x.ok("mount", "%s keeps what is synced", place.FileSystem())
	}
	x.partition()
	base := place.Base()
	if base == nil {
		return
	}
	life, err := hw.Life(base)
	switch {
	case err != nil:
		x.ok("flash", "%s; its wear is not told: %v", place.Device(), err)
	case life.Low():
		x.wrong("flash", "replace the device while it still writes: pairmq log export saves what is on it", "%s: %v", place.Device(), life)
	default:
		x.ok("flash", "%s: %v", place.Device(), life)
	}
}

// partition looks whether what should be mounted at or above the store is.
func (x *exam) partition() {
	root := filepath.Clean(x.cfg.StoreRoot)
	if point := x.cfg.StoreMountPoint; point != "" {
		if !mounted(point) {
			x.wrong("mount", "see whether its device is there, and systemctl --failed; then mount "+point, "nothing is mounted at storeMountPoint %s", point)
			return
		}
		x.ok("mount", "storeMountPoint %s is mounted", point)
		return
	}
	f, err := os.Open(x.opts.Fstab)
	if err != nil {
		return // there need not be one
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || fields[0][0] == '#' || fields[1] == "/" || !strings.HasPrefix(fields[1], "/") {
			continue
		}
		point := filepath.Clean(fields[1])
		if rel, err := filepath.Rel(point, root); err != nil || !filepath.IsLocal(rel) {
			continue
		}
		if !mounted(point) {
			x.wrong("mount", "mount "+point+", and set storeMountPoint="+point+", so that no new store is begun below it", "%s has a file system for %s, and it is not mounted", x.opts.Fstab, point)
			continue
		}
		x.warn("mount", "set storeMountPoint="+point+", so that no new store is begun below it when it is not mounted", "the store is on the file system that %s mounts at %s", x.opts.Fstab, point)
	}
}

// mounted says whether a file system is mounted at a folder, by devices.
func mounted(point string) bool {
	var at, above syscall.Stat_t
	if syscall.Stat(point, &at) != nil || syscall.Stat(filepath.Join(point, ".."), &above) != nil {
		return false
	}
	return at.Dev != above.Dev
}
