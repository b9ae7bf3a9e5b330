package board

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatAFolderLiesOn(t *testing.T) {
	tests := []struct{ tree, folder, fileSystem, device string }{
		{"emmc", "/srv/pairmq store/data", "f2fs at /srv/pairmq store", "mmcblk0p3 (eMMC, write back)"},
		{"emmc", "/var/lib/pairmq", "overlay at / on f2fs at /overlay", "mmcblk0p3 (eMMC, write back)"},
		{"emmc", "/tmp/x", "tmpfs at /tmp", ""},
		{"emmc", "/tmpfiles", "overlay at / on f2fs at /overlay", "mmcblk0p3 (eMMC, write back)"},
		{"emmc", "/rom", "overlay at / on f2fs at /overlay", "mmcblk0p3 (eMMC, write back)"}, // what was there before the overlay is hidden
		{"dm", "/store", "xfs at /store on ext4 at /", "loop0 (loop, write back, /var/images/store.img) on dm-0 (device mapper, write through, vg-data) on mmcblk1p1 (SD card, write through)"},
		{"dm", "/btr/a/b", "btrfs at /btr", "dm-0 (device mapper, write through, vg-data) on mmcblk1p1 (SD card, write through)"},
		{"ufs", "/data", "ext4 at /", "sda1 (UFS, write back)"},
	}
	for _, tt := range tests {
		p, err := boardOf(t, tt.tree).place(tt.folder)
		if err != nil || p.FileSystem() != tt.fileSystem || p.Device() != tt.device {
			t.Errorf("%s: %s lies on %q, %q, %v; want %q, %q", tt.tree, tt.folder, p.FileSystem(), p.Device(), err, tt.fileSystem, tt.device)
		}
	}
}

// A board that shows less leaves the place shorter, and says which file is missing.
func TestWhatIsMissingIsNamed(t *testing.T) {
	b := boardOf(t, "emmc")
	if err := os.Remove(b.sys("dev", "block", "179:3")); err != nil {
		t.Fatal(err)
	}
	p, err := b.place("/srv/pairmq store")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "179:3") {
		t.Errorf("without the device's folder: %v, want what is missing", err)
	}
	if p.FileSystem() != "f2fs at /srv/pairmq store" || p.Base() != nil || p.Device() != "" {
		t.Errorf("without the device's folder: %q on %q, want the mount alone", p.FileSystem(), p.Device())
	}
	put(t, b.proc("self", "mountinfo"), "26 1 0:19 / / rw")
	if _, err = b.place("/"); !errors.Is(err, ErrNonsense) || !strings.Contains(err.Error(), "mountinfo") {
		t.Errorf("a table of mounts that is none: %v, want ErrNonsense and the file", err)
	}
}

// The machine that runs this has a file system under its temporary folder.
func TestPlaceOfAFolderThatDoesNotExistYet(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	p, err := New(Options{}).Place(filepath.Join(link, "a", "b"))
	if len(p.Mounts) == 0 {
		t.Fatalf("no mount under %s: %v", link, err)
	}
	if !strings.HasSuffix(p.Folder, "/real/a/b") {
		t.Errorf("the folder is %s, want the link followed and the rest kept", p.Folder)
	}
}

// The first mount point on the path is gone into first, as the kernel does: a
// mount above it that came later hides it, one upon another is in its place.
func TestAHiddenMountIsNotTaken(t *testing.T) {
	all := []Mount{
		{ID: 1, Parent: 0, Point: "/"},
		{ID: 2, Parent: 1, Point: "/var/lib"},
		{ID: 3, Parent: 1, Point: "/var"},
		{ID: 4, Parent: 3, Point: "/var/lib/a"},
		{ID: 5, Parent: 4, Point: "/var/lib/a"},
		{ID: 6, Parent: 6, Point: "/loop"}, // its own parent, which no kernel says
	}
	for path, want := range map[string]int{"/": 1, "/var/lib": 3, "/var/lib/a/b": 5, "/var/lib/ab": 3, "/usr": 1} {
		if m, err := mountOf(all, path); err != nil || m.ID != want {
			t.Errorf("%s is in mount %d, %v, want %d", path, m.ID, err, want)
		}
	}
	if _, err := mountOf(nil, "/x"); err == nil {
		t.Error("no mounts at all: no error")
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add(`36 35 98:0 /a\040b /c\134 rw,noatime master:1 - ext4 /dev/sda1 rw,errors=continue`)
	f.Add("1 1 0:1 / / rw - overlay o rw,upperdir=/u\n2 1 0:1 / / rw - tmpfs  rw")
	f.Add("36 35 98:0 / /x rw -  - ")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseMounts("mountinfo", text)
		if err != nil {
			if !errors.Is(err, ErrNonsense) {
				t.Errorf("%q: %v, want ErrNonsense", text, err)
			}
			return
		}
		if m, err := mountOf(all, "/a/b"); err == nil && !within("/a/b", m.Point) {
			t.Errorf("%q: /a/b is in the mount at %s", text, m.Point)
		}
	})
}

func FuzzUnescape(f *testing.F) {
	f.Add(`a\040b\1`)
	f.Add(`\777\`)
	f.Fuzz(func(t *testing.T, s string) {
		if got := unescape(s); len(got) > len(s) || !strings.Contains(s, `\`) && got != s {
			t.Errorf("unescape(%q) = %q", s, got)
		}
	})
}
