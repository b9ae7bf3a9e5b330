package disk_test

import (
	"errors"
	"testing"

	"pairmq/hal/disk"
)

// TestViewReadsAndChangesNothing: whatever would write is refused, syncs have
// nothing to do, and the lock is held.
func TestViewReadsAndChangesNothing(t *testing.T) {
	d := open(t, t.TempDir())
	f := create(t, d, "a")
	if _, err := f.WriteAt([]byte("abc"), 0); err != nil {
		t.Fatal(err)
	}
	lock, err := d.Lock("LOCK")
	if err != nil {
		t.Fatal(err)
	}
	v := disk.View(d)
	if _, err := v.Lock("LOCK"); !errors.Is(err, disk.ErrLocked) {
		t.Errorf("a lock that somebody has: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	lock, err = v.Lock("LOCK")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := d.Lock("LOCK"); !errors.Is(err, disk.ErrLocked) {
		t.Errorf("a lock that the view has: %v", err)
	}
	g, err := v.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	_, created := v.Create("b")
	_, written := g.WriteAt([]byte("x"), 0)
	for what, err := range map[string]error{
		"create": created, "write": written, "truncate": g.Truncate(0), "allocate": g.Allocate(10),
		"remove": v.Remove("a"), "rename": v.Rename("a", "b"), "mkdir": v.MkdirAll("c"), "sync of a folder": v.SyncDir(""),
		"commit": v.Atomic("a", func() error { t.Error("a commit ran"); return nil }),
	} {
		if !errors.Is(err, disk.ErrReadOnly) {
			t.Errorf("%s: %v, want ErrReadOnly", what, err)
		}
	}
	b := make([]byte, 3)
	if _, err := g.ReadAt(b, 0); err != nil || string(b) != "abc" {
		t.Errorf("read %q, %v", b, err)
	}
	if err := errors.Join(g.Datasync(), g.Sync()); err != nil {
		t.Errorf("there is nothing to sync: %v", err)
	}
}
