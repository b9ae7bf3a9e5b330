package board

import (
	"errors"
	"strings"
	"testing"
)

func TestFindings(t *testing.T) {
	mount := func(typ, options string) Place {
		return Place{Mounts: []Mount{{Type: typ, Point: "/data", Options: strings.Split(options, ",")}}}
	}
	fast := func(n int64) Place {
		return Place{Mounts: []Mount{{Type: "ext4", Point: "/", FastCommits: n}}}
	}
	disk := func(d Disk) Place { return Place{Disks: []Disk{d}} }
	now := Kernel{6, 1, 21}
	tests := []struct {
		name  string
		place Place
		k     Kernel
		want  string // severity and a part of the text; "" for no finding
	}{
		{"ext4", mount("ext4", "rw,relatime,errors=remount-ro"), now, ""},
		{"f2fs", mount("f2fs", "rw,barrier,fsync_mode=posix"), now, ""},
		{"f2fs strict", mount("f2fs", "rw,fsync_mode=strict"), now, ""},
		{"ext4 nobarrier", mount("ext4", "rw,nobarrier"), now, "refuse: mount it without nobarrier"},
		{"ext3 barrier=0", mount("ext3", "rw,barrier=0"), now, "refuse: mount it without barrier=0"},
		{"btrfs nobarrier", mount("btrfs", "rw,nobarrier"), now, "refuse: mounted with nobarrier"},
		{"ext4 barrier=1", mount("ext4", "rw,barrier=1"), now, ""},
		{"f2fs fsync_mode", mount("f2fs", "rw,fsync_mode=nobarrier"), now, "refuse: fsync_mode=posix"},
		{"f2fs checkpoint", mount("f2fs", "rw,checkpoint=disable:25%"), now, "refuse: checkpoint=enable"},
		{"f2fs checkpoint on", mount("f2fs", "rw,checkpoint=enable"), now, ""},
		{"data=writeback", mount("ext4", "rw,data=writeback"), now, "note: data=writeback"},
		{"overlay", mount("overlay", "rw,upperdir=/u"), now, ""},
		{"overlay volatile", mount("overlay", "rw,upperdir=/u,volatile"), now, "refuse: volume of its own"},
		{"tmpfs", mount("tmpfs", "rw,nobarrier"), now, "warn: tmpfs at /data is memory"},
		{"ramfs", mount("ramfs", "rw"), now, "warn: memory"},
		{"vfat", mount("vfat", "rw"), now, "warn: no journal"},
		{"nfs", mount("nfs4", "rw"), now, "warn: another machine's"},
		{"no fast commit", fast(0), Kernel{5, 10, 63}, ""},
		{"fast commit 5.10", fast(1), Kernel{5, 10, 93}, "refuse: fast_commit"},
		{"fast commit 5.10 mended", fast(1), Kernel{5, 10, 94}, ""},
		{"fast commit 5.11", fast(1), Kernel{5, 11, 200}, "refuse: fast_commit"},
		{"fast commit 5.15", fast(1), Kernel{5, 15, 26}, "refuse: Linux 5.15.26"},
		{"fast commit 5.15 mended", fast(1), Kernel{5, 15, 27}, ""},
		{"fast commit 5.16", fast(1), Kernel{5, 16, 9}, "refuse: fast_commit"},
		{"fast commit 5.17", fast(1), Kernel{5, 17, 0}, ""},
		{"fast commit now", fast(1), now, ""},
		{"eMMC", disk(Disk{Name: "mmcblk0", Kind: EMMC, Cache: "write back"}), now, ""},
		{"eMMC without a cache", disk(Disk{Name: "mmcblk0", Kind: EMMC, Cache: "write through"}), now, ""},
		{"SD", disk(Disk{Name: "mmcblk1", Kind: SD, Cache: "write through"}), now, "warn: mmcblk1 is a removable medium"},
		{"USB stick", disk(Disk{Name: "sda", Kind: SCSI, Removable: true, Cache: "write through"}), now, "warn: removable"},
		{"USB disk with a cache", disk(Disk{Name: "sda", Kind: USB, Cache: "write back"}), now, ""},
		{"zram", disk(Disk{Name: "zram0", Kind: Zram}), now, "warn: zram0 is memory"},
	}
	for _, tt := range tests {
		all := tt.place.Findings(tt.k)
		worst, any := Worst(all)
		severity, text, _ := strings.Cut(tt.want, ": ")
		switch {
		case any != (tt.want != "") || len(all) > 1:
			t.Errorf("%s: found %v, want %q", tt.name, all, tt.want)
		case any && (worst.Severity.String() != severity || !strings.Contains(worst.Text, text)):
			t.Errorf("%s: found %v: %s, want %q", tt.name, worst.Severity, worst.Text, tt.want)
		}
	}
}

// What lies below counts as well: an overlay on a file system without barriers
// keeps nothing either.
func TestFindingsGoDown(t *testing.T) {
	b := boardOf(t, "dm")
	p, err := b.place("/store")
	if err != nil {
		t.Fatal(err)
	}
	k, err := b.Kernel()
	if err != nil || k != (Kernel{5, 10, 63}) {
		t.Fatalf("kernel %v, %v, want 5.10.63", k, err)
	}
	var got []string
	for _, f := range p.Findings(k) {
		got = append(got, f.Severity.String())
	}
	if want := "refuse note warn"; strings.Join(got, " ") != want { // fast commits, data=writeback, the card
		t.Errorf("found %v, want %s", p.Findings(k), want)
	}
	if worst, ok := Worst(p.Findings(k)); !ok || worst.Severity != Refuse {
		t.Errorf("the worst is %v, want the refusal", worst)
	}
}

func TestKernelVersions(t *testing.T) {
	for text, want := range map[string]Kernel{
		"6.18.44-fc-v782": {6, 18, 44}, "5.10.0-rc3": {5, 10, 0}, "4.19": {4, 19, 0}, "6.1+": {6, 1, 0},
	} {
		if k, err := parseKernel("osrelease", text); err != nil || k != want {
			t.Errorf("%q is %v, %v, want %v", text, k, err, want)
		}
	}
	for _, text := range []string{"", "linux", "6", "6.x", "99999999999999999999.1"} {
		if k, err := parseKernel("osrelease", text); !errors.Is(err, ErrNonsense) {
			t.Errorf("%q is %v, %v, want ErrNonsense", text, k, err)
		}
	}
}

func FuzzParseKernel(f *testing.F) {
	f.Add("6.1.21-v8+")
	f.Add("5..")
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := parseKernel("osrelease", text); err == nil && (k.Major < 0 || k.Minor < 0 || k.Patch < 0) {
			t.Errorf("%q is %v", text, k)
		}
	})
}

func FuzzParseFastCommits(f *testing.F) {
	f.Add("fc stats:\n17 commits\n3 ineligible\n")
	f.Add("-1 commits")
	f.Fuzz(func(t *testing.T, text string) {
		if n := parseFastCommits(text); n < 0 {
			t.Errorf("%q has %d commits", text, n)
		}
	})
}
