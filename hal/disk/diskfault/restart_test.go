package diskfault_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
)

func TestSyncedBytesSurviveAndOthersMayNot(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	must(t, d.SyncDir(""))
	write(t, f, 0, "old")
	must(t, f.Datasync())
	write(t, f, 0, "new")
	if got := content(t, d, "a"); got != "new" {
		t.Fatalf("before the cut a reads %q, want new", got)
	}
	got := outcomes(d, func(d *diskfault.FS) string { return content(t, d, "a") })
	for s := range got { // three bytes are one sector: kept, lost, or garbage
		if s != "new" && s != "old" && len(s) == 3 {
			delete(got, s)
		}
	}
	wantOutcomes(t, got, "new", "old")
	must(t, f.Close())
}

func TestSyncKeepsAllBytesWithEverySeed(t *testing.T) {
	for _, sync := range []string{"datasync", "sync"} {
		d := diskfault.New(diskfault.Plan{})
		f := create(t, d, "a")
		must(t, d.SyncDir(""))
		must(t, f.Allocate(4096))
		write(t, f, 100, repeat('x', 3000))
		if sync == "sync" {
			must(t, f.Sync())
		} else {
			must(t, f.Datasync())
		}
		want := repeat(0, 100) + repeat('x', 3000) + repeat(0, 996)
		wantOutcomes(t, outcomes(d, func(d *diskfault.FS) string { return content(t, d, "a") }), want)
	}
}

func TestUnsyncedWritesDoNotKeepTheirOrder(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	must(t, d.SyncDir(""))
	must(t, f.Allocate(2))
	must(t, f.Sync())
	write(t, f, 0, "1")
	write(t, f, 1, "2")
	got := outcomes(d, func(d *diskfault.FS) string { return content(t, d, "a") })
	for _, want := range []string{"\x00\x00", "1\x00", "\x002", "12"} {
		if got[want] == 0 {
			t.Errorf("%d seeds never give %q", seeds, want)
		}
	}
}

// A torn write changes whole sectors and nothing beside the write.
func TestTornWriteStaysInItsSectors(t *testing.T) {
	const off, n = 300, 2000
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	must(t, d.SyncDir(""))
	write(t, f, 0, repeat('o', 4096))
	must(t, f.Sync())
	write(t, f, off, repeat('n', n))
	torn, garbage := 0, 0
	for seed := range uint64(seeds) {
		got := content(t, d.RestartWith(seed), "a")
		if len(got) != 4096 || got[:off] != repeat('o', off) || got[off+n:] != repeat('o', 4096-off-n) {
			t.Fatalf("seed %d: bytes beside the write changed", seed)
		}
		kinds := make(map[string]bool)
		for at := off; at < off+n; {
			end := min(off+n, at+512-at%512)
			switch s := got[at:end]; s {
			case repeat('o', end-at):
				kinds["old"] = true
			case repeat('n', end-at):
				kinds["new"] = true
			default:
				kinds["garbage"] = true
			}
			at = end
		}
		if kinds["old"] && kinds["new"] {
			torn++
		}
		if kinds["garbage"] {
			garbage++
		}
	}
	if torn == 0 || garbage == 0 {
		t.Errorf("of %d seeds %d tear the write and %d leave garbage, want some of both", seeds, torn, garbage)
	}
}

func TestSizesAreLostWithoutSync(t *testing.T) {
	tests := []struct {
		name   string
		change func(f disk.File) error
		want   []string
	}{
		{"truncate", func(f disk.File) error { return f.Truncate(1) }, []string{"abc", "a"}},
		{"allocate", func(f disk.File) error { return f.Allocate(5) }, []string{"abc", "abc\x00\x00"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := diskfault.New(diskfault.Plan{})
			f := create(t, d, "a")
			must(t, d.SyncDir(""))
			write(t, f, 0, "abc")
			must(t, f.Sync())
			must(t, test.change(f))
			look := func(d *diskfault.FS) string { return content(t, d, "a") }
			wantOutcomes(t, outcomes(d, look), test.want...)
		})
	}
}

func TestCutOffBytesDoNotComeBack(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	must(t, d.SyncDir(""))
	write(t, f, 0, "secret")
	must(t, f.Truncate(2))
	must(t, f.Allocate(6))
	must(t, f.Sync())
	const want = "se\x00\x00\x00\x00"
	if got := content(t, d, "a"); got != want {
		t.Errorf("after truncate and allocate a reads %q, want %q", got, want)
	}
	wantOutcomes(t, outcomes(d, func(d *diskfault.FS) string { return content(t, d, "a") }), want)
}

func TestEntriesNeedTheirFoldersSync(t *testing.T) {
	prepare := func() *diskfault.FS {
		d := diskfault.New(diskfault.Plan{})
		must(t, d.MkdirAll("x/y"))
		f := create(t, d, "x/a")
		write(t, f, 0, "a")
		must(t, f.Sync())
		must(t, d.SyncDir("x"))
		return d
	}
	look := func(d *diskfault.FS) string {
		var s []string
		for _, name := range []string{"x/a", "x/b", "x/y/a"} {
			s = append(s, content(t, d, name))
		}
		return strings.Join(s, " ")
	}
	tests := []struct {
		name string
		do   func(d *diskfault.FS)
		want []string
	}{
		{"create, no sync", func(d *diskfault.FS) { must(t, create(t, d, "x/b").Sync()) }, []string{"a none none", "a  none"}},
		{"create, sync", func(d *diskfault.FS) { create(t, d, "x/b"); must(t, d.SyncDir("x")) }, []string{"a  none"}},
		{"remove, no sync", func(d *diskfault.FS) { must(t, d.Remove("x/a")) }, []string{"a none none", "none none none"}},
		{"remove, sync", func(d *diskfault.FS) { must(t, d.Remove("x/a")); must(t, d.SyncDir("x")) }, []string{"none none none"}},
		{"rename, no sync", func(d *diskfault.FS) { must(t, d.Rename("x/a", "x/b")) }, []string{"a none none", "none a none"}},
		{"rename, sync", func(d *diskfault.FS) { must(t, d.Rename("x/a", "x/b")); must(t, d.SyncDir("x")) }, []string{"none a none"}},
		{"move, one sync", func(d *diskfault.FS) { must(t, d.Rename("x/a", "x/y/a")); must(t, d.SyncDir("x/y")) }, []string{"a none none", "none none a"}},
		{"move, both syncs", func(d *diskfault.FS) {
			must(t, d.Rename("x/a", "x/y/a"))
			must(t, d.SyncDir("x/y"))
			must(t, d.SyncDir("x"))
		}, []string{"none none a"}},
		{"a later sync overtakes", func(d *diskfault.FS) {
			must(t, d.Rename("x/a", "x/y/a"))
			must(t, d.Rename("x/y/a", "x/y/b"))
			must(t, d.Rename("x/y/b", "x/y/a"))
			must(t, d.SyncDir("x/y"))
			must(t, d.SyncDir("x"))
		}, []string{"none none a"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := prepare()
			test.do(d)
			wantOutcomes(t, outcomes(d, look), test.want...)
		})
	}
}

// Whatever is lost, a file that was safe before it was renamed is not.
func TestRenameIsAllOrNothing(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	must(t, d.MkdirAll("r"))
	write(t, create(t, d, "a"), 0, "old")
	f := create(t, d, "r/new")
	write(t, f, 0, "new")
	must(t, f.Sync())
	for _, dir := range []string{"", "r"} {
		must(t, d.SyncDir(dir))
	}
	must(t, d.Rename("r/new", "b"))
	got := outcomes(d, func(d *diskfault.FS) string { return content(t, d, "r/new") + " " + content(t, d, "b") })
	wantOutcomes(t, got, "new none", "none new")
}

func TestEverythingFailsAfterTheCut(t *testing.T) {
	d := diskfault.New(diskfault.Plan{Seed: 9, CutAt: 2})
	f := create(t, d, "a")
	if n, err := f.WriteAt([]byte("x"), 0); n != 0 || !errors.Is(err, diskfault.ErrPowerCut) {
		t.Fatalf("WriteAt at the cut = %d, %v, want 0, ErrPowerCut", n, err)
	}
	calls := map[string]error{
		"Datasync": f.Datasync(), "Sync": f.Sync(), "Truncate": f.Truncate(1), "Allocate": f.Allocate(1), "DropCache": f.DropCache(0, 0),
		"Remove": d.Remove("a"), "Rename": d.Rename("a", "b"), "MkdirAll": d.MkdirAll("x"), "SyncDir": d.SyncDir(""),
		"Atomic": d.Atomic("a", func() error { t.Error("a commit ran after the cut"); return nil }),
	}
	_, calls["ReadAt"] = f.ReadAt(make([]byte, 1), 0)
	_, calls["Size"] = f.Size()
	_, calls["Open"] = d.Open("a")
	_, calls["Create"] = d.Create("b")
	_, calls["ReadDir"] = d.ReadDir("")
	_, calls["Lock"] = d.Lock("LOCK")
	_, calls["Space"] = d.Space()
	for name, err := range calls {
		if !errors.Is(err, diskfault.ErrPowerCut) {
			t.Errorf("%s after the cut: %v, want ErrPowerCut", name, err)
		}
	}
	if s := d.String(); !strings.Contains(s, "seed 9") || !strings.Contains(s, "operation 2: write \"a\"") {
		t.Errorf("String() = %q, want the seed and the operation", s)
	}
}

// The same seed gives the same disk.
func TestSeedsReplay(t *testing.T) {
	work := func(seed uint64) string {
		d := diskfault.New(diskfault.Plan{Seed: seed, CutAt: 12})
		for i := range 6 {
			f, err := d.Create(fmt.Sprint(i))
			if err != nil {
				break
			}
			f.WriteAt(bytes.Repeat([]byte{byte('a' + i)}, 3000), int64(i*100))
		}
		after := d.Restart()
		var s strings.Builder
		for i := range 6 {
			s.WriteString(content(t, after, fmt.Sprint(i)))
		}
		return s.String()
	}
	distinct := make(map[string]bool)
	for seed := range uint64(20) {
		a, b := work(seed), work(seed)
		if a != b {
			t.Fatalf("seed %d gives two disks", seed)
		}
		distinct[a] = true
	}
	if len(distinct) < 5 {
		t.Errorf("20 seeds give only %d disks", len(distinct))
	}
}

func TestRestartedDisksShareNothing(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	must(t, d.SyncDir(""))
	write(t, f, 0, "old")
	must(t, f.Sync())
	one, two := d.RestartWith(1), d.RestartWith(2)
	g, err := one.Open("a")
	must(t, err)
	write(t, g, 0, "new")
	must(t, g.Sync())
	if a, b, c := content(t, one, "a"), content(t, two, "a"), content(t, d.RestartWith(3), "a"); a != "new" || b != "old" || c != "old" {
		t.Errorf("after a write on one of three they have %q, %q, %q", a, b, c)
	}
}

func TestKillLosesNothingThatWasWritten(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	if _, err := d.Lock("LOCK"); err != nil {
		t.Fatal(err)
	}
	f := create(t, d, "a")
	write(t, f, 0, "new")
	next := d.Kill()
	if err := f.Datasync(); err == nil {
		t.Error("a killed process can sync")
	}
	if got := content(t, next, "a"); got != "new" {
		t.Errorf("after Kill a reads %q, want new", got)
	}
	if _, err := next.Lock("LOCK"); err != nil {
		t.Errorf("Lock after Kill: %v", err)
	}
	if got := outcomes(next, func(d *diskfault.FS) string { return content(t, d, "a") }); got["none"] == 0 {
		t.Errorf("Kill made a file durable: %v", got)
	}
}
