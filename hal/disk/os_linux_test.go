package disk_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pairmq/hal/disk"
)

func open(t *testing.T, root string) disk.FS {
	t.Helper()
	d, err := disk.OS(root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func create(t *testing.T, d disk.FS, name string) disk.File {
	t.Helper()
	f, err := d.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFileKeepsWhatWasWritten(t *testing.T) {
	root := filepath.Join(t.TempDir(), "deep", "data")
	d := open(t, root)
	f := create(t, d, "a")
	if n, err := f.WriteAt([]byte("hello"), 3); n != 5 || err != nil {
		t.Fatalf("WriteAt(hello, 3) = %d, %v", n, err)
	}
	for _, sync := range []func() error{f.Datasync, f.Sync, func() error { return f.DropCache(0, 0) }} {
		if err := sync(); err != nil {
			t.Fatal(err)
		}
	}
	g, err := d.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	got := make([]byte, 10)
	n, err := g.ReadAt(got, 0)
	if want := "\x00\x00\x00hello"; string(got[:n]) != want || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt = %q, %v, want %q and io.EOF", got[:n], err, want)
	}
	if raw, err := os.ReadFile(d.RealPath("a")); err != nil || len(raw) != 8 {
		t.Errorf("RealPath: %d bytes, %v, want 8", len(raw), err)
	}
	if err := f.Truncate(4); err != nil {
		t.Fatal(err)
	}
	if size, err := g.Size(); size != 4 || err != nil {
		t.Errorf("Size after Truncate(4) = %d, %v", size, err)
	}
}

func TestAllocateReservesZerosAndKeepsBytes(t *testing.T) {
	d := open(t, t.TempDir())
	f := create(t, d, "a")
	if _, err := f.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Allocate(1 << 20); err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(d.RealPath("a"), &st); err != nil || st.Size != 1<<20 || st.Blocks*512 < 1<<20 {
		t.Errorf("after Allocate(1 MiB): size %d, reserved %d bytes, %v", st.Size, st.Blocks*512, err)
	}
	got := make([]byte, 1<<20)
	if _, err := f.ReadAt(got, 0); err != nil || got[0] != 'x' || !bytes.Equal(got[1:], make([]byte, len(got)-1)) {
		t.Errorf("after Allocate: first byte %q, %v, want x and zeros", got[0], err)
	}
	if err := f.Allocate(10); err != nil {
		t.Fatal(err)
	}
	if size, err := f.Size(); size != 1<<20 || err != nil {
		t.Errorf("Size after Allocate(10) = %d, %v, want it unchanged", size, err)
	}
}

func TestErrorsSayWhichFileAndWhere(t *testing.T) {
	d := open(t, t.TempDir())
	f := create(t, d, "log/../seg")
	f.Close()
	tests := []struct {
		name  string
		call  func() error
		cause error
		want  []string
	}{
		{"open", func() error { _, err := d.Open("gone"); return err }, fs.ErrNotExist, []string{"gone"}},
		{"remove", func() error { return d.Remove("gone") }, fs.ErrNotExist, []string{"gone"}},
		{"rename", func() error { return d.Rename("gone", "new") }, fs.ErrNotExist, []string{"gone", "new"}},
		{"read dir", func() error { _, err := d.ReadDir("gone"); return err }, fs.ErrNotExist, []string{"gone"}},
		{"sync dir", func() error { return d.SyncDir("gone") }, fs.ErrNotExist, []string{"gone"}},
		{"make dir over file", func() error { return d.MkdirAll("seg") }, syscall.ENOTDIR, []string{"seg"}},
		{"write", func() error { _, err := f.WriteAt(make([]byte, 7), 4096); return err }, os.ErrClosed, []string{"seg", "4096", "7"}},
		{"read", func() error { _, err := f.ReadAt(make([]byte, 7), 4096); return err }, os.ErrClosed, []string{"seg", "4096", "7"}},
		{"datasync", f.Datasync, os.ErrClosed, []string{"seg"}},
		{"sync", f.Sync, os.ErrClosed, []string{"seg"}},
		{"truncate", func() error { return f.Truncate(12) }, os.ErrClosed, []string{"seg", "12"}},
		{"allocate", func() error { return f.Allocate(12) }, os.ErrClosed, []string{"seg", "12"}},
		{"drop cache", func() error { return f.DropCache(12, 13) }, os.ErrClosed, []string{"seg", "12", "13"}},
		{"size", func() error { _, err := f.Size(); return err }, os.ErrClosed, []string{"seg"}},
		{"close", f.Close, os.ErrClosed, []string{"seg"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.call()
			if !errors.Is(err, test.cause) {
				t.Fatalf("error %v, want %v", err, test.cause)
			}
			for _, w := range test.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
		})
	}
}

// TestAllocateBeyondTheDiskIsNoSpace asks for more than a file may have, which no file
// system begins with: one that did would have no room for what runs beside the test.
func TestAllocateBeyondTheDiskIsNoSpace(t *testing.T) {
	d := open(t, t.TempDir())
	f := create(t, d, "a")
	err := f.Allocate(math.MaxInt64 / 2)
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Allocate of %d bytes: %v, want ENOSPC or EFBIG", int64(math.MaxInt64/2), err)
	}
	if err := d.Remove("a"); err != nil {
		t.Error(err)
	}
}

func TestFolders(t *testing.T) {
	d := open(t, t.TempDir())
	for range 2 { // once more is no error
		if err := d.MkdirAll("x/y"); err != nil {
			t.Fatal(err)
		}
	}
	create(t, d, "x/b").WriteAt(make([]byte, 3), 0)
	create(t, d, "x/a")
	if err := d.Rename("x/a", "x/c"); err != nil {
		t.Fatal(err)
	}
	if err := d.SyncDir("x"); err != nil {
		t.Fatal(err)
	}
	want := []disk.Entry{{Name: "b", Size: 3}, {Name: "c"}, {Name: "y", Dir: true}}
	if got, err := d.ReadDir("x"); err != nil || !slices.Equal(got, want) {
		t.Errorf("ReadDir = %v, %v, want %v", got, err, want)
	}
	if err := d.Remove("x/b"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open("x/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of a removed file: %v", err)
	}
}

func TestNamesStayBelowTheRoot(t *testing.T) {
	root := t.TempDir()
	d := open(t, filepath.Join(root, "data"))
	create(t, d, "../../outside")
	if _, err := os.Stat(filepath.Join(root, "data", "outside")); err != nil {
		t.Errorf("../../outside left the root: %v", err)
	}
}

func TestLockHasOneHolder(t *testing.T) {
	root := t.TempDir()
	first, err := open(t, root).Lock("LOCK")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, root).Lock("LOCK"); !errors.Is(err, disk.ErrLocked) {
		t.Errorf("second Lock: %v, want ErrLocked", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := open(t, root).Lock("LOCK")
	if err != nil {
		t.Fatalf("Lock after Close: %v", err)
	}
	second.Close()
}

func TestSpaceIsPlausible(t *testing.T) {
	s, err := open(t, t.TempDir()).Space()
	if err != nil || s.Total <= 0 || s.Free > s.Total || s.Avail > s.Free || s.Avail < 0 {
		t.Errorf("Space = %+v, %v", s, err)
	}
}

func TestAtomicRunsTheCommit(t *testing.T) {
	cause := errors.New("refused")
	if err := open(t, t.TempDir()).Atomic("meta.db", func() error { return cause }); !errors.Is(err, cause) {
		t.Errorf("Atomic = %v, want %v", err, cause)
	}
}
