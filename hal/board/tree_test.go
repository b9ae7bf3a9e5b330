package board

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// boardOf returns the board that testdata/NAME.tree describes. Names of the
// kernel's have colons, and its folders are full of links, so that a tree is kept
// as one text: a line "== path" begins a file, "-> path target" is a link.
func boardOf(t *testing.T, name string) *Board {
	t.Helper()
	root := t.TempDir()
	grow(t, root, name)
	at := func(dir string) string { return filepath.Join(root, dir) }
	return New(Options{Sys: at("sys"), Proc: at("proc"), Dev: at("dev"), Etc: at("etc"), Run: at("run")})
}

func grow(t *testing.T, root, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".tree"))
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut("\n"+string(text), "\n== ")
	for line := range strings.Lines(head) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "->" {
			at := filepath.Join(root, f[1])
			makeDir(t, filepath.Dir(at))
			if err := os.Symlink(f[2], at); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, part := range strings.Split(body, "\n== ") {
		path, content, _ := strings.Cut(part, "\n")
		put(t, filepath.Join(root, path), content)
	}
}

// put writes a file below a root, with the folders above it.
func put(t *testing.T, path, content string) {
	t.Helper()
	makeDir(t, filepath.Dir(path))
	if err := os.WriteFile(path, []byte(content+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func makeDir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}
