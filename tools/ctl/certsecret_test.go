package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pairmq/replica/proof"
)

// TestTheSecretOfAPair: one command makes it, for its owner alone, and does not make it again.
func TestTheSecretOfAPair(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tls", "ha.secret")
	seen := map[string]bool{}
	for i, args := range [][]string{{"cert", "secret", "--out", path}, {"cert", "secret", "--out", path}, {"cert", "secret", "--out", path, "--replace"}} {
		r := runIn(t.Context(), "", "", args...)
		if refused := i == 1; (r.code != exitOK) != refused || refused && !strings.Contains(r.err, "is there already") {
			t.Fatalf("%q: exit code %d: %s", args, r.code, r.err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := proof.NewKey([]byte(strings.TrimSpace(string(b)))); err != nil || len(b) != 45 {
			t.Errorf("%d bytes: %v", len(b), err)
		}
		if strings.Contains(r.out, string(b[:20])) {
			t.Errorf("it shows the secret: %s", r.out)
		}
		seen[string(b)] = true
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
		}
	}
	if len(seen) != 2 {
		t.Errorf("%d secrets were made, want 2", len(seen))
	}
	if r := runIn(t.Context(), "", "", "--json", "cert", "secret", "--out", path, "--replace"); r.code != exitOK || !strings.Contains(r.out, `"file"`) {
		t.Errorf("exit code %d: %s %s", r.code, r.out, r.err)
	}
}
