package link

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSpeed: nonsense is no speed.
func TestSpeed(t *testing.T) {
	for text, want := range map[string]int{"1000\n": 1000, "-1\n": 0, "4294967295000000000000\n": 0, "fast": 0, "": 0} {
		file := filepath.Join(t.TempDir(), "speed")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := speed(file); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
	if got := speed(filepath.Join(t.TempDir(), "speed")); got != 0 {
		t.Errorf("no file is %d", got)
	}
}
