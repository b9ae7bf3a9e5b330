package diskfault_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"pairmq/hal/disk"
	"pairmq/hal/disk/diskfault"
)

// seeds is how many outcomes of one power cut a test looks at.
const seeds = 64

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, d disk.FS, name string) disk.File {
	t.Helper()
	f, err := d.Create(name)
	must(t, err)
	return f
}

func write(t *testing.T, f disk.File, off int64, s string) {
	t.Helper()
	if n, err := f.WriteAt([]byte(s), off); n != len(s) || err != nil {
		t.Fatalf("WriteAt(%d bytes, %d) = %d, %v", len(s), off, n, err)
	}
}

// content is what a file holds, or "none".
func content(t *testing.T, d disk.FS, name string) string {
	t.Helper()
	f, err := d.Open(name)
	if err != nil {
		return "none"
	}
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return string(b)
}

// outcomes counts what look sees over many ways in which the power cut ends.
func outcomes(d *diskfault.FS, look func(*diskfault.FS) string) map[string]int {
	seen := make(map[string]int)
	for seed := range uint64(seeds) {
		seen[look(d.RestartWith(seed))]++
	}
	return seen
}

// wantOutcomes fails unless exactly these were seen.
func wantOutcomes(t *testing.T, got map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if got[w] == 0 {
			t.Errorf("%d seeds never give %.40q", seeds, w)
		}
		delete(got, w)
	}
	for g, n := range got {
		t.Errorf("%d of %d seeds give %.40q", n, seeds, g)
	}
}

func repeat(c byte, n int) string { return strings.Repeat(string(c), n) }
