package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
)

// A target is a fuzz function.
type target struct {
	pkg  string // its folder, with slashes
	name string
}

func (t target) String() string { return t.pkg + " " + t.name }

// list finds the targets of the module at root that fit want, by the names of their files;
// those of a module inside it are not its own.
func list(root string, want *regexp.Regexp) (all []target, err error) {
	tree := os.DirFS(root)
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return skip(tree, name)
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		content, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		for _, function := range names(content) {
			if t := (target{path.Dir(name), function}); want.MatchString(t.String()) {
				all = append(all, t)
			}
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no target fits %q", want)
	}
	return all, err
}

// skip is SkipDir of a folder in which go finds no package of this module.
func skip(tree fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	if base := path.Base(dir); base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// names finds the fuzz functions of a test file, as gofmt writes them.
func names(file []byte) (found []string) {
	lines := bufio.NewScanner(bytes.NewReader(file))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "func Fuzz"); ok {
			name, _, _ := strings.Cut(rest, "(")
			found = append(found, "Fuzz"+name)
		}
	}
	return found
}
