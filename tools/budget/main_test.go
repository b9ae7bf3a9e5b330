package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRunNamesWhatIsTooLargeOrMissing(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "linux-arm")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "pairmqd"), make([]byte, 1000), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"budgets.json"}, {"budgets.json", dir, dir}} {
		if err := run(t.Context(), io.Discard, "", "", args); err == nil {
			t.Errorf("%d arguments are taken", len(args))
		}
	}
	tests := []struct{ name, budgets, want string }{
		{"fits", `{"files": {"linux-arm/pairmqd": 1000}}`, ""},
		{"too large", `{"files": {"linux-arm/pairmqd": 999}}`, "linux-arm/pairmqd has 1000 bytes, 1 over its budget"},
		{"a version in its name", `{"files": {"linux-*/pairmqd": 999}}`, "linux-*/pairmqd has 1000 bytes, 1 over its budget"},
		{"missing", `{"files": {"linux-arm/pairmq": 1000}}`, "linux-arm/pairmq: file does not exist"},
		{"not JSON", `{`, "unexpected end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "budgets.json")
			if err := os.WriteFile(file, []byte(tt.budgets), 0o644); err != nil {
				t.Fatal(err)
			}
			err := run(t.Context(), io.Discard, "", "", []string{file, dir})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("run says %v, want %q", err, tt.want)
			}
		})
	}
}
