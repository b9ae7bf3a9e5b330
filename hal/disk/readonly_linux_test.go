package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReadOnlyChangesNothing(t *testing.T) {
	root := t.TempDir()
	d, err := ReadOnly(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "a"), []byte("abc"), 0o400); err != nil {
		t.Fatal(err)
	}
	f, err := d.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("a file was written")
	}
	b := make([]byte, 3)
	if _, err := f.ReadAt(b, 0); err != nil || string(b) != "abc" {
		t.Errorf("read %q, %v", b, err)
	}
	_, created := d.Create("b")
	for op, err := range map[string]error{
		"Create": created, "Remove": d.Remove("a"), "Rename": d.Rename("a", "b"), "MkdirAll": d.MkdirAll("c"),
		"SyncDir": d.SyncDir("."), "Atomic": d.Atomic("a", func() error { return nil }),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v, want ErrReadOnly", op, err)
		}
	}
	if l, err := d.ReadDir("."); err != nil || len(l) != 1 {
		t.Errorf("the folder holds %v, %v", l, err)
	}
	for _, name := range []string{"nowhere", "a"} {
		if _, err := ReadOnly(filepath.Join(root, name)); err == nil {
			t.Errorf("%s was opened", name)
		}
	}
}

func TestReadOnlySeesALock(t *testing.T) {
	root := t.TempDir()
	d, err := ReadOnly(root)
	if err != nil {
		t.Fatal(err)
	}
	look := func(when string, want error) {
		t.Helper()
		c, err := d.Lock("LOCK")
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", when, err, want)
		}
		if err == nil {
			c.Close()
		}
	}
	look("before", nil)
	if _, err := os.Stat(filepath.Join(root, "LOCK")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a lock file was made: %v", err)
	}
	rw, err := OS(root)
	if err != nil {
		t.Fatal(err)
	}
	held, err := rw.Lock("LOCK")
	if err != nil {
		t.Fatal(err)
	}
	look("while it is held", ErrLocked)
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	look("afterwards", nil)
	if held, err = rw.Lock("LOCK"); err != nil {
		t.Fatalf("looking took the lock: %v", err)
	}
	held.Close()
}
