package index

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"pairmq/hal/disk"
)

func TestOpenReadOnlyChangesNothing(t *testing.T) {
	dir, m := sampleIndex(t, 3)
	file := filepath.Join(dir, "meta.db")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	entries := listing(t, dir)
	d, err := disk.ReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	x, err := OpenReadOnly(Options{FS: d})
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range m.queues() {
		if got := x.Units(name.topic, name.id); got != int64(len(q.units)) {
			t.Errorf("%v has %d units, want %d", name, got, len(q.units))
		}
	}
	if err := x.SetMark([]byte("x")); !errors.Is(err, ErrFailed) {
		t.Errorf("SetMark = %v, want ErrFailed", err)
	}
	if topics, _ := x.Topics(); len(topics) == 0 || x.Checkpoint() == 0 || x.Floor() != m.start {
		t.Errorf("%d topics, checkpoint %d, floor %d, want %d", len(topics), x.Checkpoint(), x.Floor(), m.start)
	}
	closeIndex(t, x)
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) || listing(t, dir) != entries {
		t.Errorf("the folder was changed: %s, was %s", listing(t, dir), entries)
	}
}

func TestOpenReadOnlyRefusesDamage(t *testing.T) {
	dir := t.TempDir()
	d, err := disk.ReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(Options{FS: d}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	for _, content := range []string{"", "garbage", string(make([]byte, 3*pageSize))} {
		if err := os.WriteFile(filepath.Join(dir, "meta.db"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenReadOnly(Options{FS: d}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes of garbage: %v", len(content), err)
		}
	}
}

func listing(t *testing.T, dir string) (names string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names += e.Name() + " "
	}
	return names
}
