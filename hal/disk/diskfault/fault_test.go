package diskfault_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
)

// Linux calls pages clean that it could not write.
func TestFailedSyncLies(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	must(t, d.SyncDir(""))
	write(t, f, 0, "old")
	must(t, f.Sync())
	d.Arm(diskfault.Plan{FailAt: 1, Only: diskfault.Datasync})
	write(t, f, 0, "new")
	if err := f.Datasync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("first Datasync: %v, want EIO", err)
	}
	must(t, f.Datasync()) // the lie
	if got := content(t, d, "a"); got != "new" {
		t.Errorf("after the failed sync a reads %q, want new", got)
	}
	wantOutcomes(t, outcomes(d, func(d *diskfault.FS) string { return content(t, d, "a") }), "old")
}

func TestDropCacheShowsTheMedium(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	write(t, f, 0, "old old old")
	must(t, f.Sync())
	d.Arm(diskfault.Plan{FailAt: 1, Only: diskfault.Sync})
	write(t, f, 0, "new new new")
	if err := f.Sync(); err == nil {
		t.Fatal("Sync did not fail")
	}
	write(t, f, 8, "dir") // not synced: has to be written, and is not dropped
	must(t, f.DropCache(4, 0))
	if got := content(t, d, "a"); got != "new old dir" {
		t.Errorf("after DropCache(4, 0) a reads %q, want the medium's bytes from 4 on but for the unwritten", got)
	}
	must(t, f.DropCache(0, 2))
	if got := content(t, d, "a"); got != "olw old dir" {
		t.Errorf("after DropCache(0, 2) a reads %q", got)
	}
}

func TestFailures(t *testing.T) {
	cause := errors.New("cause")
	tests := []struct {
		name string
		plan diskfault.Plan
		want []error // of three writes in a row
	}{
		{"once", diskfault.Plan{FailAt: 2}, []error{nil, syscall.EIO, nil}},
		{"sticky", diskfault.Plan{FailAt: 2, Sticky: true}, []error{nil, syscall.EIO, syscall.EIO}},
		{"error of choice", diskfault.Plan{FailAt: 1, Err: cause}, []error{cause, nil, nil}},
		{"other kind", diskfault.Plan{FailAt: 1, Only: diskfault.Sync}, []error{nil, nil, nil}},
		{"short", diskfault.Plan{ShortAt: 2}, []error{nil, io.ErrShortWrite, nil}},
		{"cut", diskfault.Plan{CutAt: 2}, []error{nil, diskfault.ErrPowerCut, diskfault.ErrPowerCut}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := diskfault.New(diskfault.Plan{})
			f := create(t, d, "a")
			d.Arm(test.plan)
			struck := false
			for i, want := range test.want {
				n, err := f.WriteAt([]byte("0123456789"), 0)
				if !errors.Is(err, want) || err == nil && n != 10 || err != nil && n == 10 {
					t.Errorf("write %d = %d, %v, want %v", i+1, n, err, want)
				}
				struck = struck || err != nil
			}
			if d.Struck() != struck {
				t.Errorf("Struck() = %t, want %t", d.Struck(), struck)
			}
		})
	}
}

func TestFailedNamesChangeNothing(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	write(t, create(t, d, "a"), 0, "a")
	tests := map[string]func() error{
		"create":  func() error { _, err := d.Create("b"); return err },
		"empty":   func() error { _, err := d.Create("a"); return err },
		"remove":  func() error { return d.Remove("a") },
		"rename":  func() error { return d.Rename("a", "b") },
		"mkdir":   func() error { return d.MkdirAll("x") },
		"syncdir": func() error { return d.SyncDir("") },
		"atomic":  func() error { return d.Atomic("m", func() error { t.Error("the commit ran"); return nil }) },
	}
	for name, call := range tests {
		d.Arm(diskfault.Plan{FailAt: 1})
		if err := call(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v, want EIO", name, err)
		}
		list, err := d.ReadDir("")
		if want := []disk.Entry{{Name: "a", Size: 1}}; err != nil || !slices.Equal(list, want) {
			t.Errorf("after a failed %s: %v, %v, want %v", name, list, err, want)
		}
	}
}

func TestQuota(t *testing.T) {
	d := diskfault.New(diskfault.Plan{Quota: 100})
	f := create(t, d, "a")
	must(t, f.Allocate(60))
	write(t, f, 0, repeat('x', 60))
	if err := f.Allocate(101); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Allocate(101) of 100: %v, want ENOSPC", err)
	}
	if n, err := f.WriteAt(make([]byte, 50), 60); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("WriteAt beyond the quota = %d, %v, want 0, ENOSPC", n, err)
	}
	if s, err := d.Space(); err != nil || s != (disk.Space{Total: 100, Free: 40, Avail: 40}) {
		t.Errorf("Space = %+v, %v", s, err)
	}
	must(t, f.Truncate(10))
	g := create(t, d, "b")
	must(t, g.Allocate(90))
	must(t, d.Remove("a"))
	must(t, g.Allocate(100))
	d.SetQuota(0)
	must(t, g.Allocate(1000))
	if s, _ := d.Restart().Space(); s.Free < 1<<30 {
		t.Errorf("without a quota %d bytes are free", s.Free)
	}
}

func TestStatsCount(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	write(t, f, 0, "12345")
	must(t, f.Datasync())
	must(t, f.Sync())
	must(t, d.SyncDir(""))
	content(t, d, "a")
	want := diskfault.Stats{Ops: 5, Writes: 1, BytesWritten: 5, Syncs: 2, DirSyncs: 1, Reads: 1, BytesRead: 5}
	if got := d.Stats(); got != want || d.Ops() != 5 {
		t.Errorf("Stats = %+v, Ops = %d, want %+v", got, d.Ops(), want)
	}
}

func TestHookHoldsAnOperationBack(t *testing.T) {
	at, release := make(chan diskfault.Op), make(chan struct{})
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	d.Arm(diskfault.Plan{Hook: func(op diskfault.Op) {
		if op.Kind == diskfault.Datasync {
			at <- op
			<-release
		}
	}})
	done := make(chan error)
	go func() { done <- f.Datasync() }()
	if op := <-at; op.Name != "a" {
		t.Errorf("Hook saw %v", op)
	}
	write(t, f, 0, "meanwhile")
	close(release)
	must(t, <-done)
}

func TestLockHasOneHolder(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	l, err := d.Lock("LOCK")
	must(t, err)
	if _, err := d.Lock("LOCK"); !errors.Is(err, disk.ErrLocked) {
		t.Errorf("second Lock: %v, want ErrLocked", err)
	}
	must(t, l.Close())
	if _, err := d.Lock("LOCK"); err != nil {
		t.Errorf("Lock after Close: %v", err)
	}
	if _, err := d.Restart().Lock("LOCK"); err != nil {
		t.Errorf("Lock after Restart: %v", err)
	}
}

// A commit at which the power goes happens or does not; later ones do not.
func TestAtomicAtTheCut(t *testing.T) {
	seen := make(map[bool]int)
	for seed := range uint64(seeds) {
		d := diskfault.New(diskfault.Plan{Seed: seed, CutAt: 2})
		ran := 0
		commit := func() error { ran++; return nil }
		must(t, d.Atomic("meta.db", commit))
		for range 2 {
			if err := d.Atomic("meta.db", commit); !errors.Is(err, diskfault.ErrPowerCut) {
				t.Fatalf("%v: %v, want ErrPowerCut", d, err)
			}
		}
		seen[ran == 2]++
		if ran < 1 || ran > 2 {
			t.Fatalf("%v: commit ran %d times", d, ran)
		}
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("of %d cuts %d lost the commit and %d kept it", seeds, seen[false], seen[true])
	}
	cause := errors.New("refused")
	if err := diskfault.New(diskfault.Plan{}).Atomic("m", func() error { return cause }); !errors.Is(err, cause) {
		t.Errorf("Atomic = %v, want the commit's error", err)
	}
}

// A library's files are in the real folder; the disk can list, open, move and
// remove them.
func TestRealFolder(t *testing.T) {
	d := diskfault.New(diskfault.Plan{Real: t.TempDir()})
	must(t, os.WriteFile(d.RealPath("meta.db.tmp"), []byte("db"), 0o600))
	must(t, d.MkdirAll("quarantine"))
	must(t, d.Rename("meta.db.tmp", "quarantine/meta.db"))
	if got := content(t, d, "quarantine/meta.db"); got != "db" {
		t.Errorf("the moved file reads %q", got)
	}
	if list, err := d.ReadDir("quarantine"); err != nil || len(list) != 1 || list[0] != (disk.Entry{Name: "meta.db", Size: 2}) {
		t.Errorf("ReadDir = %v, %v", list, err)
	}
	must(t, d.Remove("quarantine/meta.db"))
	if err := d.Remove("quarantine/meta.db"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Remove of nothing: %v", err)
	}
	must(t, d.Remove("quarantine"))
	if _, err := d.ReadDir("quarantine"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadDir of a removed folder: %v", err)
	}
}

func TestPokeChangesTheMedium(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	must(t, d.SyncDir(""))
	write(t, f, 0, "abc")
	must(t, f.Sync())
	must(t, d.Poke("a", 1, []byte("X")))
	if got := content(t, d, "a") + content(t, d.Restart(), "a"); got != "aXcaXc" {
		t.Errorf("before and after Restart a reads %q", got)
	}
	if err := d.Poke("a", 3, []byte("X")); err == nil {
		t.Error("Poke beyond the end did not fail")
	}
	if err := d.Poke("b", 0, []byte("X")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Poke of nothing: %v", err)
	}
}

func TestUseAfterClose(t *testing.T) {
	d := diskfault.New(diskfault.Plan{})
	f := create(t, d, "a")
	must(t, f.Close())
	_, readErr := f.ReadAt(make([]byte, 1), 0)
	_, writeErr := f.WriteAt(make([]byte, 1), 0)
	for _, err := range []error{readErr, writeErr, f.Sync(), f.Close()} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
	}
	if s := diskfault.Kind(77).String(); !strings.Contains(s, "77") {
		t.Errorf("an unknown kind is called %q", s)
	}
}
