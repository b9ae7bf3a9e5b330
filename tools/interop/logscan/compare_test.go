package logscan

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// segments writes a log of 100-byte segments that begin at first.
func segments(t *testing.T, first, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		b := make([]byte, 100)
		for at := range b {
			b[at] = byte(first + 100*i + at)
		}
		if err := os.WriteFile(segment(dir, first+100*i), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func segment(dir string, first int) string { return filepath.Join(dir, fmt.Sprintf("%020d", first)) }

func TestCompareNoticesEveryMutation(t *testing.T) {
	const end = 450
	original := segments(t, 0, 6) // of which one is not begun
	for first, want := range map[int]Span{0: {End: end, Segments: 5}, 300: {From: 300, End: end, Segments: 2}, 400: {From: 400, End: end, Segments: 1}} {
		if got, err := Compare(original, segments(t, first, 5-first/100), end); err != nil || got != want {
			t.Errorf("a copy from %d on: %+v, %v; want %+v", first, got, err, want)
		}
	}
	mutations := map[string]func(dir string) error{
		"last segment gone":  func(dir string) error { return os.Remove(segment(dir, 400)) },
		"a segment gone":     func(dir string) error { return os.Remove(segment(dir, 300)) },
		"a segment moved":    func(dir string) error { return os.Rename(segment(dir, 300), segment(dir, 310)) },
		"a segment cut":      func(dir string) error { return os.Truncate(segment(dir, 300), 99) },
		"the end cut":        func(dir string) error { return os.Truncate(segment(dir, 400), 49) },
		"first byte changed": func(dir string) error { return change(segment(dir, 200), 0) },
		"last byte changed":  func(dir string) error { return change(segment(dir, 400), 49) },
	}
	for name, mutate := range mutations {
		copied := segments(t, 200, 3)
		if err := mutate(copied); err != nil {
			t.Fatal(err)
		}
		if span, err := Compare(original, copied, end); err == nil {
			t.Errorf("%s: not noticed, %+v", name, span)
		}
	}
	copied := segments(t, 200, 3)
	if err := change(segment(copied, 400), 50); err != nil {
		t.Fatal(err)
	}
	if _, err := Compare(original, copied, end); err != nil {
		t.Errorf("a byte behind the end counts: %v", err)
	}
	if _, err := Compare(original, t.TempDir(), end); err == nil {
		t.Error("an empty copy: not noticed")
	}
	if _, err := Compare(original, segments(t, 0, 7), 650); err == nil {
		t.Error("an end behind the original's: not noticed")
	}
}

func change(path string, at int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[at]++
	return os.WriteFile(path, b, 0o644)
}
